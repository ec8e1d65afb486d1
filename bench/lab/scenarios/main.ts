/** `npm run bench`: runs the published scenarios. A full run writes bench/results/NAME.md of each, a quick one nothing. */
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { someOf, whole } from '../../../runtime/process/flag-values.ts';
import { exitAfterUsage } from '../../../runtime/process/usage.ts';
import { startLoadGenerator } from '../rig/load.ts';
import { describeMachine } from '../../load-test/machine.ts';
import { Cleanup } from '../rig/cleanup.ts';
import { addedLatencyScenario } from './added-latency.ts';
import { batchingScenario } from './batching.ts';
import { gatewayScenario } from './gateway.ts';
import { manyScenario } from './many.ts';
import { costScenario } from './cost.ts';
import { firstRequests, memoryScenario } from './memory.ts';
import { neighboursScenario } from './neighbours.ts';
import { overloadScenario } from './overload.ts';
import { missed, renderLines, renderRun } from './render.ts';
import { rowsScenario } from './rows.ts';
import type { BenchScenario } from './scenario.ts';
import { startScenario } from './start.ts';
import { transformScenario } from './transform.ts';
import { watchScenario } from './watch.ts';

interface Flags {
  readonly only?: readonly string[];
  readonly quick?: true;
  readonly requests: number;
  readonly write?: boolean;
}

const quickOnes: readonly BenchScenario[] = [
  gatewayScenario,
  rowsScenario,
  batchingScenario,
  addedLatencyScenario,
  overloadScenario,
  neighboursScenario,
  manyScenario,
  costScenario,
  transformScenario,
  watchScenario,
  startScenario,
];
const names = [...quickOnes.map(({ name }) => name), 'memory'];
const command = new Command('npm run bench --')
  .description('Runs the published scenarios, each in turns with its yardstick, and says which goals are reached.')
  .option('--only <names>', `of ${names.join(', ')}, with commas (default: all)`, someOf(names))
  .option('--quick', 'shorter and noisier, for a look, and without memory')
  .addOption(
    new Option('--requests <n>', `of memory, from ${2 * firstRequests} up; its goal is for 1e7`)
      .argParser(whole(2 * firstRequests))
      .default(1e6, '1e6'),
  )
  .option('--write', 'write bench/results/NAME.md (default: unless --quick)')
  .option('--no-write', 'write nothing')
  .exitOverride(exitAfterUsage)
  .parse();
const { only, quick = false, requests, write: writes = !quick } = command.opts<Flags>();
// Growth of memory shows over many requests only.
if (quick && only?.includes('memory') === true) command.error('error: --only memory: it has no --quick');
const scenarios = quick ? quickOnes : [...quickOnes, memoryScenario(requests)];

const beganAtMs = performance.now();
const cleanup = new Cleanup();
try {
  const load = await cleanup.track(startLoadGenerator());
  let lost = 0;
  for (const scenario of scenarios.filter(({ name }) => only?.includes(name) ?? true)) {
    say(`${scenario.name}: ${scenario.title}`);
    const startedMs = performance.now();
    const result = await scenario.run({ quick, load, cleanup, say });
    const tookS = Math.round((performance.now() - startedMs) / 1000);
    process.stdout.write(`\n${scenario.title}, ${tookS} s\n\n${renderLines(result.lines)}\n\n`);
    lost += missed(result.lines).length;
    if (!writes) continue;
    const options = [quick ? ' --quick' : '', scenario.name === 'memory' ? ` --requests ${requests}` : ''];
    const repeat = `npm run bench -- --only ${scenario.name}${options.join('')}`;
    const text = renderRun({ scenario, result, command: repeat, machine: describeMachine().trim(), tookS });
    await writeFile(new URL(`../../results/${scenario.name}.md`, import.meta.url), text);
  }
  say(`${seconds()} s in all; goals not reached: ${lost}.`);
} finally {
  await cleanup.stopAll();
}

function seconds(): string {
  return ((performance.now() - beganAtMs) / 1000).toFixed(0);
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}
