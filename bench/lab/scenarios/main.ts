/** `npm run bench`: runs the published scenarios; a full run writes bench/results/NAME.md of each, a quick one is for a look. */
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { someOf, whole } from '../../../runtime/process/flag-values.ts';
import { endUnrun } from '../../../runtime/process/usage.ts';
import { startLoadGenerator } from '../rig/load.ts';
import { describeMachine } from '../../load-test/machine.ts';
import { Running } from '../rig/running.ts';
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

interface Flags {
  readonly only?: readonly string[];
  readonly quick?: true;
  readonly requests: number;
  readonly write?: boolean;
}

const quickOnes: readonly Scenario[] = [gateway, rows, batching, addedLatency, overload, neighbours, many, start];
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
  .exitOverride(endUnrun)
  .parse();
const { only, quick = false, requests, write: writes = !quick } = command.opts<Flags>();
// Memory shows itself over many requests or not at all.
if (quick && only?.includes('memory') === true) command.error('error: --only memory: it has no --quick');
const scenarios = quick ? quickOnes : [...quickOnes, memory(requests)];

const beganAtMs = performance.now();
const running = new Running();
try {
  const load = await running.start(startLoadGenerator());
  let lost = 0;
  for (const scenario of scenarios.filter(({ name }) => only?.includes(name) ?? true)) {
    say(`${scenario.name}: ${scenario.title}`);
    const startedMs = performance.now();
    const outcome = await scenario.run({ quick, load, running, say });
    const tookS = Math.round((performance.now() - startedMs) / 1000);
    process.stdout.write(`\n${scenario.title}, ${tookS} s\n\n${renderLines(outcome.lines)}\n\n`);
    lost += missed(outcome.lines).length;
    if (!writes) continue;
    const options = [quick ? ' --quick' : '', scenario.name === 'memory' ? ` --requests ${requests}` : ''];
    const repeat = `npm run bench -- --only ${scenario.name}${options.join('')}`;
    const text = renderRun({ scenario, outcome, command: repeat, machine: describeMachine().trim(), tookS });
    await writeFile(new URL(`../../results/${scenario.name}.md`, import.meta.url), text);
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
