/**
 * What batching gains, and what the gateway costs: ratios within one run, measured in turns.
 * `npm run bench:gateway -- [--quick] [--only NAME] [--json] [--check] [--write]`
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { alternate } from './alternate.ts';
import type { Workload } from './bodies.ts';
import { batchingCases, batchingOff, connections, cpuCases, models, pods, type Case } from './gateway-cases.ts';
import { batchingRow, cpuRow, renderTables, type BatchingRow, type CpuRow } from './gateway-tables.ts';
import { startLoadGenerator, type LoadGenerator } from './load.ts';
import { describeMachine } from './machine.ts';
import { measure, type Sample } from './measure.ts';
import { startEcho, startSystem, type Target } from './systems.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
if (flags.write && flags.only !== '') throw new Error('--write: a part of the cases would replace the results of all');
const plan = flags.quick
  ? { rounds: 3, warmUpMs: 1_500, measureMs: 1_000 }
  : { rounds: 5, warmUpMs: 2_000, measureMs: 3_000 };
const resultFile = new URL('./results/gateway.md', import.meta.url);

const running = new Set<Target>();
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.once(signal, () => void stopAll().finally(() => process.exit(128 + number)));
}

async function started<Started extends Target>(target: Promise<Started>): Promise<Started> {
  const ready = await target;
  running.add(ready);
  return ready;
}

async function stopped(target: Target): Promise<void> {
  running.delete(target);
  await target.stop();
}

async function stopAll(): Promise<void> {
  await Promise.all([...running].map(stopped));
}

/** Warms up each side with the workload, then measures them in turns. */
async function compare<Name extends string>(
  load: LoadGenerator,
  name: string,
  workloads: Readonly<Record<Name, readonly [Target, Workload]>>,
): Promise<Record<Name, Sample[]>> {
  const sides = {} as Record<Name, () => Promise<Sample>>;
  for (const [side, [target, workload]] of Object.entries(workloads) as [Name, readonly [Target, Workload]][]) {
    say(`${name}: ${side}`);
    await measure(load, { target, workload, connections, durationMs: plan.warmUpMs });
    sides[side] = () => measure(load, { target, workload, connections, durationMs: plan.measureMs });
  }
  return alternate(sides, plan.rounds);
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}

function chosen(table: string, cases: readonly Case[]): readonly Case[] {
  return cases.filter(({ name }) => `${table} ${name}`.includes(flags.only));
}

async function run(load: LoadGenerator): Promise<{ batching: BatchingRow[]; cpu: CpuRow[] }> {
  const batchingChosen = chosen('batching', batchingCases);
  const cpuChosen = chosen('cpu', cpuCases);
  if (batchingChosen.length + cpuChosen.length === 0)
    throw new Error(`--only: no case has '${flags.only}' in its name`);
  const sluice = await started(startSystem({ models, pods }));
  const batching: BatchingRow[] = [];
  if (batchingChosen.length > 0) {
    const off = await started(startSystem({ models, pods, spec: batchingOff }));
    for (const one of batchingChosen) {
      const { workload } = one;
      const sides = { on: [sluice, workload], off: [off, workload] } as const;
      batching.push(batchingRow(one, await compare(load, `batching ${one.name}`, sides)));
    }
    await stopped(off);
  }
  const cpu: CpuRow[] = [];
  if (cpuChosen.length > 0) {
    const echo = await started(startEcho());
    for (const one of cpuChosen) {
      const { workload } = one;
      const sides = { sluice: [sluice, workload], echo: [echo, workload] } as const;
      // Making JSON again costs the echo much where the body is long, and hardly anything where it is not.
      const parsed = one.alsoParseOnly === true;
      const name = `cpu ${one.name}`;
      cpu.push(
        cpuRow(
          one,
          parsed
            ? await compare(load, name, { ...sides, parse: [echo, { ...workload, path: '/parse' }] })
            : await compare(load, name, sides),
        ),
      );
    }
  }
  return { batching, cpu };
}

const beganAtMs = performance.now();
const load = startLoadGenerator();
try {
  const { batching, cpu } = await run(load);
  const tables = renderTables(batching, cpu);
  const tookS = Math.round((performance.now() - beganAtMs) / 1000);
  const method =
    `${plan.rounds} rounds in turns, ${plan.measureMs / 1000} s each after ${plan.warmUpMs / 1000} s of warm-up; ` +
    `medians, and the range over the rounds; ratios are taken within each round. ${tookS} s in all.`;
  const machine = describeMachine();
  process.stdout.write(
    flags.json ? `${JSON.stringify({ machine, plan, batching, cpu }, null, 2)}\n` : `${tables}\n${method}\n`,
  );
  if (flags.write) {
    const command = ['npm run bench:gateway --', ...process.argv.slice(2)].join(' ');
    await writeFile(resultFile, `# Gateway: batching and CPU\n\n\`${command}\`\n\n${machine}\n${method}\n\n${tables}`);
  }
  const missed = [...batching, ...cpu].filter((row) => !row.reached);
  if (flags.check && missed.length > 0) {
    say(`missed: ${missed.map(({ name }) => name).join(', ')}`);
    process.exitCode = 1;
  }
} finally {
  load.stop();
  await stopAll();
}
