/**
 * Makes the files of the zoo: `node models/author/main.ts [names] [--out DIR] [--check]`.
 * With `--check` writes nothing, and exits 1 where a file differs from what it would write.
 */
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { committed, recipes, stale, write, type RecipeName } from './recipes.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string' }, check: { type: 'boolean', default: false } },
});
const directory = values.out ?? fileURLToPath(new URL('../zoo', import.meta.url));
const unknown = positionals.filter((name) => !Object.hasOwn(recipes, name));
if (unknown.length > 0) {
  process.stderr.write(`unknown model: ${unknown.join(', ')}; known: ${Object.keys(recipes).join(', ')}\n`);
  process.exitCode = 2;
} else {
  const names = positionals.length > 0 ? (positionals as RecipeName[]) : committed;
  if (values.check) {
    const paths = await stale(names, directory);
    for (const path of paths) process.stderr.write(`${path}: differs from what models/author makes\n`);
    process.exitCode = paths.length > 0 ? 1 : 0;
  } else {
    for (const path of await write(names, directory)) process.stdout.write(`${path}\n`);
  }
}
