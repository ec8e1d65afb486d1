/** Replays a stretch of a trace at its own speed on `sluice up`, with its scaler and gateway, and pods whose model sleeps. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DecisionRecord } from '../../../../contract/scaler-api.ts';
import { binaryRows, rowInputs } from '../../rig/bodies.ts';
import { nowMs } from '../../../load-test/clock.ts';
import { openLoop } from '../../../load-test/open-loop.ts';
import { describeMachine } from '../../../load-test/machine.ts';
import { sumOf } from '../../../load-test/prometheus.ts';
import type { Cleanup } from '../../rig/cleanup.ts';
import { startSluice, type SluiceProcesses } from '../../rig/systems.ts';
import { mostPods, podSeconds } from './pod-count.ts';
import { PodProcessCounter } from './pod-process-counter.ts';
import { RequestLog } from './request-log.ts';
import { delay, paidUntilMs, peakPods, pool, startDelayMs, type RealReplay } from './setup.ts';

/** Time for the scaler to have the gateway's reports, and for the load's ticker thread to start. */
const settleMs = 2_000;
const costEveryMs = 5_000;
const sayEveryMs = 15_000;
/** Longer than the pool's own limits, so that the gateway's answers count, and not the client's patience. */
const clientTimeoutMs = 90_000;

export interface RealRequest {
  readonly trace: string;
  readonly fromMs: number;
  readonly lengthMs: number;
  readonly seed: number;
  readonly arrivalsMs: Float64Array;
  readonly initialReplicas: number;
}

export async function replay(request: RealRequest, cleanup: Cleanup, say: (what: string) => void): Promise<RealReplay> {
  const repository = await mkdtemp(join(tmpdir(), 'sluice-validation-'));
  try {
    const zoo = fileURLToPath(new URL('../../../../models/zoo/mlp/1', import.meta.url));
    await cp(zoo, join(repository, 'mlp', '1'), { recursive: true });
    await writeFile(join(repository, 'mlp', 'config.yaml'), JSON.stringify({ delay, maxRows: pool.maxRows }));
    const lines: string[] = [];
    const system = await cleanup.track(start(request, repository, (line) => lines.push(line)));
    try {
      return await measure(request, system, lines, say);
    } finally {
      await cleanup.stop(system);
    }
  } finally {
    await rm(repository, { recursive: true, force: true });
  }
}

function start(
  { initialReplicas }: RealRequest,
  repository: string,
  onLine: (line: string) => void,
): Promise<SluiceProcesses> {
  const { objectiveMs, percentile, maxRows, minReplicas, maxReplicas, timeoutMs, coldStartHoldMs, maxQueued } = pool;
  return startSluice({
    models: ['mlp'],
    pods: initialReplicas,
    repository,
    onLine,
    spec: {
      objective: { latencyMs: objectiveMs, percentile },
      batching: { maxRows, maxRequestRows: maxRows },
      requests: { timeoutMs, coldStartHoldMs, maxQueued },
      scaling: { minReplicas, maxReplicas },
    },
    env: { SLUICE_START_DELAY_MS: String(startDelayMs) },
  });
}

async function measure(
  request: RealRequest,
  system: SluiceProcesses,
  lines: readonly string[],
  say: (what: string) => void,
): Promise<RealReplay> {
  const { arrivalsMs, lengthMs, seed } = request;
  const firstStartsMs = startsIn(lines);
  const linesBefore = lines.length;
  await sleep(settleMs);
  const startAtMs = nowMs() + settleMs;
  const startWallMs = Date.now() + settleMs;
  const podCounter = new PodProcessCounter(system.pid, () => nowMs() - startAtMs);
  const log = new RequestLog(startAtMs, lengthMs, pool.objectiveMs);
  const costs: { a: number; c: number }[] = [];
  const watchCost = setInterval(() => {
    // A failed reading is left out: a gateway too busy to answer shows in the replay itself.
    void costOf(system).then(
      (cost) => costs.push(cost),
      () => undefined,
    );
  }, costEveryMs);
  const watch = setInterval(() => {
    const pods = podCounter.steps.at(-1)!.pods;
    const seconds = Math.max(0, Math.round((nowMs() - startAtMs) / 1000));
    say(
      `  ${seconds} s: ${pods} pods, ${log.answered} answered, ${log.late} late, ${log.shed} shed, ${log.failed} failed`,
    );
  }, sayEveryMs);
  try {
    const before = await batchesOf(system);
    await openLoop(
      {
        plan: {
          origin: system.origin,
          workload: binaryRows(rowInputs.mlp),
          load: { kind: 'open', arrivals: { kind: 'trace', atMs: arrivalsMs }, maxInFlight: 10_000 },
          warmUpMs: 0,
          durationMs: lengthMs,
          timeoutMs: clientTimeoutMs,
          threads: 1,
          seed,
        },
        index: 0,
        startAtMs,
      },
      log,
      new AbortController().signal,
    );
    const endMs = paidUntilMs(arrivalsMs);
    await sleep(Math.max(0, startAtMs + endMs - nowMs()));
    const after = await batchesOf(system);
    const answer = await fetch(`${system.scaler}/api/pools/bench/decisions`);
    const [first] = (await answer.json()) as DecisionRecord[];
    const { steps } = podCounter;
    const writes = lines.flatMap((line) => /SuccessfulRescale: ([^"]*)/.exec(line)?.[1] ?? []);
    return {
      trace: request.trace,
      fromMs: request.fromMs,
      lengthMs,
      seed,
      peakPods,
      initialReplicas: request.initialReplicas,
      machine: describeMachine().trim(),
      arrivalsMs: [...arrivalsMs],
      offered: arrivalsMs.length,
      late: log.late,
      shed: log.shed,
      failed: log.failed,
      endings: log.endings,
      missedAtMs: log.missedAtMs.toSorted((a, b) => a - b),
      podSeconds: podSeconds(steps, 0, endMs),
      mostPods: mostPods(steps, 0, endMs),
      steps,
      scaleWrites: writes.length,
      writes,
      meanBatch: (after.rows - before.rows) / (after.runs - before.runs),
      leadMs: startWallMs - first!.atMs,
      firstStartsMs,
      startsMs: startsIn(lines.slice(linesBefore)),
      cost: { a: mean(costs.map(({ a }) => a)), c: mean(costs.map(({ c }) => c)) },
      lagP99Ms: log.lagsMs.toSorted((a, b) => a - b)[Math.floor(0.99 * log.lagsMs.length)] ?? 0,
    };
  } finally {
    clearInterval(watch);
    clearInterval(watchCost);
    podCounter.stop();
  }
}

/** Start-up times from the lines `pod NAME ready in 9.8 s` of `sluice up`, ms. */
function startsIn(lines: readonly string[]): number[] {
  return lines.flatMap((line) => {
    const seconds = /"pod \S+ ready in ([\d.]+) s"/.exec(line)?.[1];
    return seconds === undefined ? [] : [1000 * Number(seconds)];
  });
}

async function costOf({ meters }: SluiceProcesses): Promise<{ a: number; c: number }> {
  const text = await scrape(meters.server);
  return {
    a: 1000 * sumOf(text, 'sluice_learned_cost_base_seconds'),
    c: 1000 * sumOf(text, 'sluice_learned_cost_per_row_seconds'),
  };
}

async function batchesOf({ meters }: SluiceProcesses): Promise<{ rows: number; runs: number }> {
  const text = await scrape(meters.server);
  return { rows: sumOf(text, 'sluice_batch_rows_sum'), runs: sumOf(text, 'sluice_batch_rows_count') };
}

async function scrape(origin: string): Promise<string> {
  return (await fetch(`${origin}/metrics`)).text();
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
