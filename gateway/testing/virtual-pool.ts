/** A pool in virtual time with pods that have no sockets: what a test needs to write a timeline. */
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import type { Pod } from '../../cluster/port.ts';
import { SluiceError } from '../../contract/errors.ts';
import { parseModelPool, type ModelPool } from '../../contract/model-pool.ts';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { Pool } from '../pool.ts';
import type { PendingRequest } from '../queue/model-queue.ts';
import type { PredictRequest, RequestOutcome } from '../queue/request.ts';
import { FakePod, type FakeCall } from './fake-pod.ts';
import { predictRequest } from './pending.ts';
import { VirtualTime } from './virtual-time.ts';

export interface Submitted {
  readonly id: string;
  /** Undefined if it was refused at once. */
  readonly pending: PendingRequest | undefined;
  /** `200 by pod-a` or `503 queue-full`, undefined while there is none. */
  readonly outcome: string | undefined;
  readonly settled: readonly RequestOutcome[];
}

type SubmitOptions = Partial<Omit<PredictRequest, 'deadlineAtMs'>> & { timeoutMs?: number };

export interface VirtualPool {
  readonly pool: Pool;
  readonly time: VirtualTime;
  readonly pods: readonly FakePod[];
  /** Times that the scaler was woken. */
  readonly wakes: () => number;
  /** Lines of the log. */
  readonly logged: () => readonly Record<string, unknown>[];
  /** Lists these pods, ready unless said otherwise, and no others. */
  readonly list: (...pods: readonly Pod[]) => void;
  readonly configure: (spec: Record<string, unknown>) => void;
  readonly submit: (id: string, given?: SubmitOptions) => Submitted;
  /** Lets time pass; 0 runs the rest of this turn. */
  readonly pass: (ms?: number) => void;
  /** Calls that no pod has brought to an end, as `pod-a: 1,2`. */
  readonly sent: () => string[];
  /** The open call with this request. */
  readonly callWith: (id: string) => FakeCall;
}

export interface VirtualPoolOptions {
  /** Models of the pool, and of each pod unless `pods` says otherwise. */
  readonly models?: readonly string[];
  /** Models of each pod, by its UID; null for a foreign server. */
  readonly pods: Readonly<Record<string, readonly string[] | null>>;
  readonly spec?: Record<string, unknown>;
  readonly seed?: number;
  /** Called with each pod before it is probed. */
  readonly prepare?: (pod: FakePod) => void;
}

export function specOf(models: readonly string[], spec: Record<string, unknown>): ModelPool {
  const parsed = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'pool' },
    spec: { models, ...spec },
  });
  if (parsed.pool === null) throw new Error(parsed.errors.join('; '));
  return parsed.pool;
}

/** Probed and ready when it is returned. */
export function virtualPool(t: TestContext, options: VirtualPoolOptions): VirtualPool {
  const { models = ['m'], spec = {}, seed = 1, prepare = () => undefined } = options;
  const time = new VirtualTime(t);
  const pods = Object.entries(options.pods).map(([uid, served]) => new FakePod(uid, served));
  pods.forEach(prepare);
  let wakes = 0;
  const lines: Record<string, unknown>[] = [];
  const pool = new Pool(specOf(models, spec), {
    clock: time.clock,
    log: pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) }),
    wake: () => (wakes += 1),
    connect: (origin) => pods.find(({ uid }) => origin === `http://${uid}`)!,
    random: seededRandom(seed),
  });
  setInterval(() => pool.tick(), 50);
  const list = (...listed: readonly Pod[]): void => pool.applyPods(listed);
  list(...pods.map((pod) => pod.listed()));
  time.pass(0);
  return {
    pool,
    time,
    pods,
    wakes: () => wakes,
    logged: () => lines,
    list,
    configure: (changed) => {
      const { models: changedModels = models, ...rest } = changed;
      pool.configure(specOf(changedModels as readonly string[], { ...spec, ...rest }).spec);
    },
    submit: (id, { timeoutMs = 10_000, ...given } = {}) => {
      const settled: RequestOutcome[] = [];
      const request = predictRequest({
        id,
        arrivedAtMs: time.nowMs,
        deadlineAtMs: time.nowMs + timeoutMs,
        settle: (outcome) => settled.push(outcome),
        ...given,
      });
      let pending: PendingRequest | undefined;
      try {
        pending = pool.submit(pool.book.modelQueues.get(request.model)!, request, null);
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error;
        settled.push({ kind: 'error', error });
      }
      return {
        id,
        pending,
        settled,
        get outcome() {
          return settled.length === 0 ? undefined : settled.map(textOf).join(' and ');
        },
      };
    },
    pass: (ms = 0) => time.pass(ms),
    sent: () => pods.flatMap((pod) => pod.open.map((call) => `${pod.uid}: ${call.ids.join(',')}`)),
    callWith: (id) => pods.flatMap((pod) => pod.open).find((call) => call.ids.includes(id))!,
  };
}

function textOf(outcome: RequestOutcome): string {
  return outcome.kind === 'answer'
    ? `${outcome.status} by ${outcome.pod}`
    : `${outcome.error.status} ${outcome.error.code}`;
}
