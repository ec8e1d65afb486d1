/**
 * `npm run bench:scaling`: simulates every policy on every trace, and writes bench/results/scaling.md and scaling.svg.
 * Usage: node bench/scaling/main.ts [--traces a,b] [--means 5,20] [--cold-starts 10] [--out DIR]
 * What was simulated before, by the same code, is kept in .sluice/scaling and not simulated again.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Cache } from './cache.ts';
import { casesOf } from './choose-cases.ts';
import { pareto } from './pareto.ts';
import { report } from './report.ts';
import { runCases } from './run-cases.ts';

const { values } = parseArgs({
  options: {
    traces: { type: 'string' },
    means: { type: 'string' },
    'cold-starts': { type: 'string' },
    out: { type: 'string', default: path.join(import.meta.dirname, '../results') },
  },
});
const cases = casesOf(values);
const chosen = (['traces', 'means', 'cold-starts'] as const).flatMap((name) =>
  values[name] === undefined ? [] : [`--${name} ${values[name]}`],
);
const command = ['npm run bench:scaling', ...(chosen.length > 0 ? ['--', ...chosen] : [])].join(' ');
const startedMs = performance.now();
const { results, choices } = await runCases(cases, new Cache(), (done, of) => {
  if (done % 10 === 0 || done === of) {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    process.stderr.write(`${done} of ${of} simulations, ${seconds} s\n`);
  }
});
mkdirSync(values.out, { recursive: true });
writeFileSync(path.join(values.out, 'scaling.svg'), pareto(results));
writeFileSync(path.join(values.out, 'scaling.md'), report(results, choices, { command, picture: 'scaling.svg' }));
process.stdout.write(`${path.join(values.out, 'scaling.md')}\n`);
