/** Metrics of a gateway, made without a listening process or pods that answer. */
import { SharedSecret } from '../../runtime/http/shared-secret.ts';
import { FaceCounters } from '../../runtime/http/face-counters.ts';
import { pino } from 'pino';
import { parseModelPool, type ModelPool } from '../../contract/model-pool.ts';
import { outcomes } from '../../gateway/queue/counters.ts';
import { gatewayMetrics, type GatewayMetrics } from '../../gateway/telemetry/metrics.ts';
import { hardEvidence, softEvidence } from '../../gateway/policy/health.ts';
import type { Pool } from '../../gateway/pool.ts';
import { AnswerGate } from '../../gateway/endpoints/answer-gate.ts';
import { Pools } from '../../gateway/pools.ts';
import { TestCluster } from './gateway-harness.ts';

const evidence = [...hardEvidence, ...softEvidence];
/** Clock that stands still, so that each pod is probed only once. */
const now = (): number => 1;

function poolWith(name: string, models: readonly string[]): ModelPool {
  const { pool } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name },
    spec: { models, objective: { latencyMs: 100 }, health: { ejectAfterFailures: 1, maxEjectedRatio: 1 } },
  });
  return pool!;
}

/** Pools whose pod addresses have no listener. @returns once the first probe of each pod has failed */
async function poolsOf(specs: readonly ModelPool[], podsPerPool: number): Promise<Pools> {
  const cluster = new TestCluster();
  const pods = specs.flatMap(({ metadata: { name: pool } }) =>
    Array.from({ length: podsPerPool }, (_, index) => ({
      uid: `${pool}-${index}`,
      name: `${pool}-5d8f7c9b64-${index.toString(36).padStart(5, 'x')}`,
      pool,
      phase: 'Ready' as const,
      origin: 'http://127.0.0.1:9',
      restarts: 0,
      createdAtMs: 0,
      readyAtMs: 0,
      reason: null,
    })),
  );
  cluster.show({ pools: specs, pods });
  const pools = new Pools({
    cluster,
    now,
    log: pino({ level: 'silent' }),
    secret: new SharedSecret(),
    gate: new AnswerGate({ unread: { unreadBytes: 0, isRoomAwaited: false }, maxBytes: Infinity, now: () => 0 }),
  });
  const unprobed = (): boolean => [...pools.all].some(({ endpoints }) => [...endpoints.all].some((pod) => pod.probing));
  while (unprobed()) await new Promise((resolve) => setTimeout(resolve, 20));
  return pools;
}

/** Makes all pods healthy but the first `sick`, each ejected on another kind of evidence, and teaches run times. */
function judge({ endpoints, book }: Pool, sick: number): void {
  const warmup = [{ rows: 1, occupiedUs: 1_234.567 }];
  for (const modelQueue of book.modelQueues.values()) {
    modelQueue.learnWarmup({ maxRows: 64, warmup });
    modelQueue.learnBatching(null);
  }
  for (const [index, pod] of [...endpoints.all].entries()) {
    endpoints.recordEvidence(pod, { kind: 'probe-ok' });
    if (index < sick) endpoints.recordEvidence(pod, { kind: 'evidence', evidence: evidence[index % evidence.length]! });
  }
}

/** @returns a scrape of a gateway that has something of everything to tell: one sick pod for each kind of evidence */
const guard = { refused: 0, accepted: 0 };
const faces = { client: new FaceCounters(), admin: new FaceCounters() };

export async function gatewayScrape(): Promise<string> {
  const pools = await poolsOf([poolWith('pool', ['model'])], evidence.length);
  try {
    const [pool] = [...pools.all];
    judge(pool!, evidence.length);
    const last = [...pool!.endpoints.all].at(-1)!;
    pool!.endpoints.recordEvidence(last, { kind: 'probe-ok' });
    const unbatched = [{ name: 'model', version: '1', reason: 'outputs change with companions' }];
    const idle = { state: 'ready', inFlight: 0, queuedRows: 0 } as const;
    pool!.endpoints.unbatched.onStatus(last, { uid: last.uid, ...idle, models: [], unbatched });
    return await joined(gatewayMetrics({ pools, version: 'test', now, faces, guard }));
  } finally {
    await pools.close();
  }
}

export interface LargeGateway extends AsyncDisposable {
  /** Takes so many pods of each pool out of rotation. */
  eject(podsOfEach: number): void;
  readonly scrape: () => Promise<string>;
}

/** A gateway of pools with one model each and large counters; all pods are healthy at first. */
export async function largeGateway(poolCount: number, podsPerPool: number): Promise<LargeGateway> {
  const specs = Array.from({ length: poolCount }, (_, index) => poolWith(`pool-${index}`, [`model-${index}`]));
  const pools = await poolsOf(specs, podsPerPool);
  for (const pool of pools.all) {
    judge(pool, 0);
    for (const { counters } of pool.book.modelQueues.values()) {
      counters.plain.arrivals = 1_234_567;
      // Histograms get sums with many digits and a count in every bucket.
      for (let value = 0.0007; value < 2_000; value *= 1.3) {
        for (const outcome of outcomes) counters.countOutcome(outcome, value);
        for (const histogram of [counters.queueSeconds, counters.envelopeRequests, counters.runRows])
          histogram.observe(value, 1 / 3);
      }
    }
  }
  const metrics = gatewayMetrics({ pools, version: 'test', now, faces, guard });
  return {
    eject: (podsOfEach) => {
      for (const pool of pools.all) judge(pool, podsOfEach);
    },
    scrape: () => joined(metrics),
    [Symbol.asyncDispose]: () => pools.close(),
  };
}

async function joined(metrics: GatewayMetrics): Promise<string> {
  let text = '';
  for await (const part of metrics.parts()) text += part;
  return text;
}
