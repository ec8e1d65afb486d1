/** `sluice prove`: proves the batching of a repository's models once, so that pods need not. */
import { Command, Option } from 'commander';
import { SettingsError } from '../contract/settings.ts';
import type { ProvedModel } from '../models/prove-repository.ts';
import { RepositoryError } from '../models/repository/repository.ts';
import { whole } from '../runtime/process/flag-values.ts';
import type { ProgramIo } from './io.ts';
import { renderTable } from './table.ts';

interface Flags {
  readonly repository: string;
  readonly models?: string;
  readonly verdictFolder?: string;
  readonly cpuMs: number;
  readonly memoryMib: number;
  readonly json?: true;
}

/** Exit code where a model can't be loaded, or a verdict can't be kept. */
const exitIncomplete = 1;

export function proveCommand({ env, print }: ProgramIo): Command {
  const repository = new Option('--repository <folder>', 'folder of models (env: SLUICE_REPOSITORY)');
  const given = env['SLUICE_REPOSITORY'];
  return new Command('prove')
    .summary('prove once which models may be batched, so that pods need not')
    .description(
      'Tries each model of a repository as a pod does at its start, and keeps the verdicts in .verdicts of the repository, where ' +
        'every pod that serves it finds them. For the build of an image, or a volume of models.',
    )
    .allowExcessArguments(false)
    .addOption(given === undefined ? repository.makeOptionMandatory() : repository.default(given))
    .option('--models <names>', 'comma-separated names of models (default: all)')
    .option('--verdict-folder <folder>', 'folder for the verdicts (default: .verdicts in the repository)')
    .addOption(new Option('--cpu-ms <ms>', 'processor time for each model').argParser(whole(1)).default(60_000))
    .addOption(new Option('--memory-mib <n>', 'memory that each model may add').argParser(whole(1)).default(2_048))
    .option('--json', 'print JSON instead of a table')
    .addHelpText(
      'after',
      `
Exit code: 0 if every model was loaded and every verdict kept, whether batched or not; 1 if not; 2 for invalid usage.

Examples:
  sluice prove --repository ./my-models
  sluice prove --repository ./my-models --models langid --json
`,
    )
    .action(async (flags: Flags) => {
      const problems: string[] = [];
      const { proveRepository } = await import('../models/prove-repository.ts');
      const proved: ProvedModel[] = [];
      const tell = (details: object, message: string): void =>
        void problems.push(`${message}: ${Object.values(details).join(': ')}`);
      const proofs = proveRepository({
        repository: flags.repository,
        models: flags.models?.split(',').map((name) => name.trim().normalize('NFC')) ?? null,
        verdictFolder: flags.verdictFolder ?? null,
        cpuMs: flags.cpuMs,
        memoryMiB: flags.memoryMib,
        log: { info: tell, warn: tell },
      });
      try {
        for await (const each of proofs) proved.push(each);
      } catch (error) {
        if (!(error instanceof RepositoryError)) throw error;
        throw new SettingsError([`--repository (SLUICE_REPOSITORY): ${error.message}`]);
      }
      print(flags.json === true ? JSON.stringify(proved, null, 2) : table(proved));
      for (const problem of problems) process.stderr.write(`sluice: ${problem}\n`);
      if (problems.length > 0 || proved.some(({ loads }) => !loads)) process.exitCode = exitIncomplete;
    });
}

function table(proved: readonly ProvedModel[]): string {
  const rows = proved.map(({ model, version, batched, reason, largestDifference, durationMs, loads }) => [
    model,
    version,
    loads ? (batched ? 'yes' : 'no') : 'broken',
    largestDifference === null ? '' : largestDifference.toExponential(1),
    `${(durationMs / 1000).toFixed(2)} s`,
    reason ?? '',
  ]);
  return renderTable(['MODEL', 'VERSION', 'BATCHED', 'LARGEST DIFFERENCE', 'TIME', 'WHY NOT'], rows);
}
