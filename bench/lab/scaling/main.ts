/**
 * `npm run bench:scaling`: simulates every policy on every trace, and writes bench/results/scaling.md and scaling.svg.
 * Results are cached in .sluice/scaling, and used again as long as the code that computes them is the same.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { someOf } from '../../../runtime/process/flag-values.ts';
import { exitAfterUsage } from '../../../runtime/process/usage.ts';
import { Cache } from './cache.ts';
import { casesOf, coldStartsS, meansPods, sharedTraces, type Chosen } from './cases.ts';
import { pareto } from './pareto.ts';
import { report } from './report.ts';
import { runCases } from './run-cases.ts';

interface Flags extends Chosen {
  readonly out: string;
}

const { out, ...chosen } = new Command('npm run bench:scaling --')
  .description(
    'Simulates every policy on every trace, and writes scaling.md and scaling.svg. What was simulated before, by the same ' +
      'code, is kept in .sluice/scaling and not simulated again. Lists have commas.',
  )
  .option('--traces <names>', `of ${sharedTraces.join(', ')} (default: all)`, someOf(sharedTraces))
  .option(
    '--means <pods>',
    `pods that the mean load needs, of ${meansPods.join(', ')} (default: all)`,
    someOf(meansPods),
  )
  .option('--cold-starts <s>', `of ${coldStartsS.join(', ')} (default: all)`, someOf(coldStartsS))
  .addOption(
    new Option('--out <folder>', 'to write to').default(
      path.join(import.meta.dirname, '../../results'),
      'bench/results',
    ),
  )
  .exitOverride(exitAfterUsage)
  .parse()
  .opts<Flags>();
const cases = casesOf(chosen);
const lists = (
  [
    ['traces', chosen.traces],
    ['means', chosen.means],
    ['cold-starts', chosen.coldStarts],
  ] as const
).flatMap(([name, list]) => (list === undefined ? [] : [`--${name} ${list.join(',')}`]));
const command = ['npm run bench:scaling', ...(lists.length > 0 ? ['--', ...lists] : [])].join(' ');
const startedMs = performance.now();
const { results, choices } = await runCases(cases, new Cache(), (done, of) => {
  if (done % 10 === 0 || done === of) {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    process.stderr.write(`${done} of ${of} simulations, ${seconds} s\n`);
  }
});
mkdirSync(out, { recursive: true });
writeFileSync(path.join(out, 'scaling.svg'), pareto(results));
writeFileSync(path.join(out, 'scaling.md'), report(results, choices, { command, picture: 'scaling.svg' }));
process.stdout.write(`${path.join(out, 'scaling.md')}\n`);
