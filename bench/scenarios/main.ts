/**
 * Runs the published scenarios: `npm run bench -- [--quick] [--only NAME,…] [--requests N] [--write | --no-write]`.
 * A full run writes bench/results/NAME.md of each; a quick one is for a look, and writes only with --write.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startLoadGenerator } from '../load.ts';
import { describeMachine } from '../machine.ts';
import { Running } from '../running.ts';
import { addedLatency } from './added-latency.ts';
import { batching } from './batching.ts';
import { gateway } from './gateway.ts';
import { many } from './many.ts';
import { firstRequests, memory } from './memory.ts';
import { neighbours } from './neighbours.ts';
import { overload } from './overload.ts';
import { missed, renderLines, renderRun } from './render.ts';
import { rows } from './rows.ts';
import type { Scenario } from './scenario.ts';
import { start } from './start.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    requests: { type: 'string', default: '1e6' },
    write: { type: 'boolean' },
  },
  allowNegative: true,
});
const writes = flags.write ?? !flags.quick;
const requests = Number(flags.requests);
if (!(requests >= 2 * firstRequests)) {
  throw new Error(`--requests: must be a number from ${2 * firstRequests} up, was: ${flags.requests}`);
}

const scenarios: readonly Scenario[] = [
  ...[gateway, rows, batching, addedLatency, overload, neighbours, many, start],
  // Memory shows itself over many requests or not at all.
  ...(flags.quick ? [] : [memory(requests)]),
];
const names = flags.only.split(',').filter((name) => name !== '');
const unknown = names.filter((name) => !scenarios.some((one) => one.name === name));
if (unknown.length > 0) {
  throw new Error(`--only ${unknown.join(',')}: the scenarios are ${scenarios.map(({ name }) => name).join(', ')}`);
}

const beganAtMs = performance.now();
const running = new Running();
try {
  const load = await running.start(startLoadGenerator());
  let lost = 0;
  for (const scenario of scenarios.filter(({ name }) => names.length === 0 || names.includes(name))) {
    say(`${scenario.name}: ${scenario.title}`);
    const startedMs = performance.now();
    const outcome = await scenario.run({ quick: flags.quick, load, running, say });
    const tookS = Math.round((performance.now() - startedMs) / 1000);
    process.stdout.write(`\n${scenario.title}, ${tookS} s\n\n${renderLines(outcome.lines)}\n\n`);
    lost += missed(outcome.lines).length;
    if (!writes) continue;
    const options = [flags.quick ? ' --quick' : '', scenario.name === 'memory' ? ` --requests ${flags.requests}` : ''];
    const command = `npm run bench -- --only ${scenario.name}${options.join('')}`;
    const text = renderRun({ scenario, outcome, command, machine: describeMachine().trim(), tookS });
    await writeFile(new URL(`../results/${scenario.name}.md`, import.meta.url), text);
  }
  say(`${seconds()} s in all; goals not reached: ${lost}.`);
} finally {
  await running.stopAll();
}

function seconds(): string {
  return ((performance.now() - beganAtMs) / 1000).toFixed(0);
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}
