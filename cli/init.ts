/** `sluice init`: writes a folder of models and a file of pools that work as they are, to go on from. Overwrites nothing. */
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { SettingsError } from '../contract/settings.ts';
import type { ProgramIo } from './io.ts';

const zoo = fileURLToPath(new URL('../models/zoo', import.meta.url));
const model = 'mlp';

const pools = `# Pools of models, followed while \`sluice up\` runs: save a change, and it holds.
apiVersion: sluice.dev/v1alpha1
kind: ModelPool
metadata:
  name: default
spec:
  models: [${model}]
  # Requests that would miss it are refused, and batches stay small enough for it.
  objective:
    latencyMs: 100
    percentile: 99
  scaling:
    minReplicas: 1
    # Pods at most; one keeps a core busy.
    maxReplicas: 2
`;

export function initCommand({ print }: Pick<ProgramIo, 'print'>): Command {
  return new Command('init')
    .summary('write a folder of models and a pools.yaml that work, to go on from')
    .description(
      'Writes pools.yaml and models/, with one small model in it, into a folder. Files that are there already are an error, and stay.',
    )
    .argument('[folder]', 'folder to write to', '.')
    .allowExcessArguments(false)
    .addHelpText('after', '\nExamples:\n  sluice init my-models\n  sluice init')
    .action((folder: string) => {
      const poolsFile = path.join(folder, 'pools.yaml');
      const repository = path.join(folder, 'models');
      const taken = [poolsFile, repository].filter((each) => existsSync(each));
      if (taken.length > 0) {
        throw new SettingsError(
          taken.map((each) => `${each}: is there already, and stays as it is; name another folder`),
        );
      }
      mkdirSync(repository, { recursive: true });
      cpSync(path.join(zoo, model), path.join(repository, model), { recursive: true });
      writeFileSync(poolsFile, pools);
      print(
        [
          `${poolsFile}  one pool, with an objective and bounds`,
          `${repository}      put yours beside it: ${path.join(repository, '<model>', '1', 'model.onnx')}`,
          '',
          'Next:',
          `  sluice up --repository ${repository} --pools ${poolsFile}`,
        ].join('\n'),
      );
    });
}
