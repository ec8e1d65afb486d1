/** `sluice doctor`: what on this machine, in a folder of models or in a cluster would keep Sluice from working. Changes nothing. */
import { Command, Option } from 'commander';
import { LocalSettings } from '../../deploy/local-settings.ts';
import { flagName } from '../../contract/settings.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { ProgramIo } from '../io.ts';
import { renderTable } from '../table.ts';
import type { Check } from './check.ts';
import { checkCluster } from './cluster.ts';
import { judgeMachine, machineFacts } from './machine.ts';

interface Flags {
  readonly repository?: string;
  readonly pools?: string;
  readonly cluster?: 'kubernetes';
  readonly namespace?: string;
  readonly json?: true;
}

/** Exit code where something would not work. */
const exitBad = 1;

export function doctorCommand({ env, print }: ProgramIo): Command {
  return new Command('doctor')
    .summary('check the machine, a folder of models, and a cluster')
    .description(
      'Checks what Sluice needs of this machine, with --repository and --pools which models would be served and why others would not, ' +
        'and with --cluster kubernetes whether the cluster answers, knows ModelPools, and what these credentials may do. Changes nothing.',
    )
    .option('--repository <folder>', 'folder of models (env: SLUICE_REPOSITORY)', env['SLUICE_REPOSITORY'])
    .option('--pools <file>', 'YAML file of ModelPools (env: SLUICE_POOLS)', env['SLUICE_POOLS'])
    .addOption(new Option('--cluster <kind>', 'also check a cluster').choices(['kubernetes']))
    .option('--namespace <name>', 'namespace of the pools, or several with commas; that of the credentials if omitted')
    .option('--json', 'print JSON instead of a table')
    .allowExcessArguments(false)
    .addHelpText(
      'after',
      `
Exit code: 0 if all would work, warnings included; 1 if something would not.

Examples:
  sluice doctor
  sluice doctor --repository ./my-models --pools pools.yaml
  sluice doctor --cluster kubernetes --namespace models --json
`,
    )
    .action(async ({ repository, pools, cluster, namespace, json }: Flags) => {
      const { port, adminPort, scalerPort } = LocalSettings.properties;
      const ports = Object.entries({ port, adminPort, scalerPort }).map(([name, setting]) => ({
        flag: flagName(name),
        port: Number((setting as { default?: unknown }).default),
      }));
      const checks = judgeMachine(await machineFacts(env, packageJson.engines.node, ports));
      const { checkPools, checkRepository } = await import('./repository.ts');
      if (repository !== undefined) checks.push(...(await checkRepository(repository)));
      if (pools !== undefined) checks.push(...(await checkPools(pools, repository ?? null)));
      if (cluster !== undefined) checks.push(...(await askCluster(namespace)));
      print(json === true ? JSON.stringify(checks, null, 2) : report(checks));
      if (checks.some(({ level }) => level === 'bad')) process.exitCode = exitBad;
    });
}

async function askCluster(namespace: string | undefined): Promise<Check[]> {
  const { kubernetesApi } = await import('../../cluster/kubernetes/api.ts');
  try {
    const api = kubernetesApi({ pools: namespace?.split(',') });
    try {
      const checks: Check[] = [];
      for (const one of api.namespaces) {
        checks.push(...(await checkCluster({ namespace: one, call: (request) => api.call(request) })));
      }
      return checks;
    } finally {
      api.close();
    }
  } catch (error) {
    return [{ area: 'cluster', name: 'credentials', level: 'bad', text: (error as Error).message }];
  }
}

function report(checks: readonly Check[]): string {
  const rows = checks.map(({ area, name, level, text }) => [area, name, level, text]);
  const bad = checks.filter(({ level }) => level === 'bad').length;
  const warned = checks.filter(({ level }) => level === 'warn').length;
  const sum = bad > 0 ? `${bad} would not work` : warned > 0 ? `all would work, ${warned} less well` : 'all is well';
  return `${renderTable(['area', 'what', 'level', 'finding'], rows)}\n\n${sum}`;
}
