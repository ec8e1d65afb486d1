/** `npm run zoo`: generates the files of the zoo, or lists those that differ from what it would generate. */
import { fileURLToPath } from 'node:url';
import { Argument, Command, Option } from 'commander';
import { committed, recipes, stale, write, type RecipeName } from './recipes.ts';

interface Flags {
  readonly out: string;
  readonly check?: true;
}

const command = new Command('npm run zoo --')
  .description('Makes the files of the models of the zoo.')
  .addArgument(
    new Argument('[models...]', 'which').choices(Object.keys(recipes)).default(committed, committed.join(', ')),
  )
  .addOption(
    new Option('--out <folder>', 'to write to').default(
      fileURLToPath(new URL('../zoo', import.meta.url)),
      'models/zoo',
    ),
  )
  .option('--check', 'write nothing, and exit 1 where a file differs from what would be written')
  // Exit code 2 means wrong usage, as for `sluice`.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { out, check } = command.opts<Flags>();
const names = command.processedArgs[0] as readonly RecipeName[];
if (check === true) {
  const paths = await stale(names, out);
  for (const path of paths) process.stderr.write(`${path}: differs from what models/author makes\n`);
  process.exitCode = paths.length > 0 ? 1 : 0;
} else {
  for (const path of await write(names, out)) process.stdout.write(`${path}\n`);
}
