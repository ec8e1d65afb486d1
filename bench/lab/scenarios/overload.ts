import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spread } from '../../load-test/spread.ts';
import { binaryRows, rowInputs } from '../rig/bodies.ts';
import { runLoad } from '../../load-test/run.ts';
import type { Tally } from '../../load-test/tally.ts';
import { startSluice } from '../rig/systems.ts';
import { medianText } from './render.ts';
import type { ScenarioContext, BenchScenario } from './scenario.ts';

const pods = 2;
const objectiveMs = 100;
const delay = { runMs: 10, rowMs: 6 };
/**
 * Capacity within the objective. A run of b rows takes 10 + 6·b ms, and a request waits for at most one run before its
 * own: b = 6 keeps 100 ms, and a pod answers 6 requests in 46 ms.
 */
const capacityPerSecond = (pods * 6) / 0.046;
/** Shares of the capacity to offer; the highest goodput of them is the peak. */
const shares = [0.7, 0.85, 1, 1.15];
const factor = 10;
const warmUpMs = 1_000;

export const overloadScenario: BenchScenario = {
  name: 'overload',
  title: `Goodput at ${factor} times the peak`,
  how:
    `mlp with an added delay of ${delay.runMs} ms a run and ${delay.rowMs} ms a row (asleep: pods are the limit, not the machine), ${pods} pods, no ` +
    `scaling, single rows, binary, Poisson arrivals. Goodput is what is answered well within ${objectiveMs} ms of when it should have left; ` +
    `the peak is the best of ${shares.length} rates around the capacity.`,
  run: async (bench) => {
    const repository = await mkdtemp(join(tmpdir(), 'sluice-bench-models-'));
    try {
      await cp(fileURLToPath(new URL('../../../models/zoo/mlp/1', import.meta.url)), join(repository, 'mlp', '1'), {
        recursive: true,
      });
      await writeFile(join(repository, 'mlp', 'config.yaml'), JSON.stringify({ delay }));
      return await measureAll(bench, repository);
    } finally {
      await rm(repository, { recursive: true, force: true });
    }
  },
};

async function measureAll(bench: ScenarioContext, repository: string): ReturnType<BenchScenario['run']> {
  const spec = { objective: { latencyMs: objectiveMs, percentile: 99 } };
  const sluice = await bench.cleanup.track(startSluice({ models: ['mlp'], pods, repository, spec }));
  const { rounds, durationMs } = bench.quick ? { rounds: 1, durationMs: 2_000 } : { rounds: 3, durationMs: 5_000 };
  const peaks: number[] = [];
  const goodputs: number[] = [];
  const rejectedMs: number[] = [];
  const offered: number[] = [];
  const lagMs: number[] = [];
  let errors = 0;
  for (let round = 0; round < rounds; round += 1) {
    const around: number[] = [];
    for (const share of shares) {
      bench.say(`  round ${round + 1}: ${(share * capacityPerSecond).toFixed(0)}/s`);
      around.push(goodput(await offer(sluice.origin, share * capacityPerSecond, durationMs, round)));
    }
    const peak = Math.max(...around);
    if (peak === 0)
      throw new Error(`nothing was answered within ${objectiveMs} ms: the machine is too busy to measure it`);
    bench.say(`  round ${round + 1}: ${(factor * peak).toFixed(0)}/s, ${factor} times the peak`);
    const tally = await offer(sluice.origin, factor * peak, durationMs, round);
    peaks.push(peak);
    goodputs.push(goodput(tally));
    rejectedMs.push(tally.rejected.percentileMs(99));
    offered.push((1000 * tally.offered) / tally.durationMs);
    lagMs.push(tally.lag.percentileMs(99));
    errors += [...tally.others].reduce((sum, [what, count]) => sum + (what === '503' || what === '429' ? 0 : count), 0);
  }
  await bench.cleanup.stop(sluice);
  return {
    lines: [
      {
        what: `goodput at ${factor} × the peak ÷ peak goodput`,
        value: spread(goodputs.map((value, round) => value / peaks[round]!)),
        unit: '',
        goal: { kind: 'at least', value: 0.95 },
        beside: `peak ${medianText(peaks)}/s; at ${medianText(offered)}/s offered ${medianText(goodputs)}/s good; errors ${errors}`,
      },
      {
        what: 'rejected requests answered within, p99',
        value: spread(rejectedMs),
        unit: 'ms',
        goal: { kind: 'at most', value: 10 },
        beside: `from when they should have left; the generator itself was late by ${medianText(lagMs)} ms at the 99th percentile`,
      },
    ],
    repeats: `${rounds} rounds, ${durationMs / 1000} s a rate after ${warmUpMs / 1000} s of warm-up.`,
  };
}

function offer(origin: string, perSecond: number, durationMs: number, seed: number): Promise<Tally> {
  return runLoad({
    origin,
    workload: binaryRows(rowInputs.mlp),
    load: { kind: 'open', arrivals: { kind: 'poisson', perSecond }, maxInFlight: 4_096 },
    warmUpMs,
    durationMs,
    timeoutMs: 10_000,
    threads: 1,
    seed,
  });
}

function goodput({ latency, durationMs }: Tally): number {
  return (1000 * latency.countUpTo(objectiveMs)) / durationMs;
}
