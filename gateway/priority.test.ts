/** Priority under a flood, on virtual time: clients that all ask for the first level leave others their share. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { FakeCall } from './testing/fake-pod.ts';
import { virtualPool, type Submitted } from './testing/virtual-pool.ts';

const maxRows = 10;
const runUs = (rows: number): number => 5_000 + 500 * rows;

interface Flood {
  readonly spec: Record<string, unknown>;
  readonly models?: { readonly attacked: string; readonly asked: string };
  /** Level of the good client. */
  readonly level?: number;
  readonly bytes?: number;
}

/** Ten seconds of one pod that runs ten rows in 10 ms, of 5,000 requests/s of the first level and 120/s of another. */
function flood(t: TestContext, { spec, models, level = 9, bytes = 1 }: Flood) {
  const { attacked, asked } = models ?? { attacked: 'm', asked: 'm' };
  const served = [...new Set([attacked, asked])];
  const { submit, pass, pods } = virtualPool(t, {
    models: served,
    pods: { a: served },
    spec: { batching: { maxRows }, ...spec },
    prepare: (pod) => {
      pod.warmup = [1, 4, maxRows].map((rows) => ({ rows, occupiedUs: runUs(rows) }));
    },
  });
  const [pod] = pods;
  const good: Submitted[] = [];
  const bad: Submitted[] = [];
  let running: FakeCall | undefined;
  let doneAtMs = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 1) {
    for (let count = 0; count < 5; count += 1) {
      bad.push(submit(`bad ${nowMs} ${count}`, { model: attacked, priority: 1, bytes, timeoutMs: 2_000 }));
    }
    if (nowMs % 8 === 0) good.push(submit(`good ${nowMs}`, { model: asked, priority: level, bytes, timeoutMs: 2_000 }));
    pass(1);
    if (running !== undefined && nowMs >= doneAtMs) {
      const rows = running.requests.length;
      for (let index = 0; index < rows; index += 1) running.answer(index);
      running.end({ runs: [{ rows, ownRows: rows, queueUs: 0, occupiedUs: runUs(rows) }] });
      running = undefined;
      pass();
    }
    if (running === undefined) {
      [running] = pod!.open;
      doneAtMs = nowMs + runUs(running?.requests.length ?? 0) / 1_000;
    }
  }
  const answered = (requests: readonly Submitted[]): number =>
    requests.filter(({ outcome }) => outcome === '200 by pod-a').length;
  return { good, share: answered(good) / (answered(good) + answered(bad)), rows: answered(good) + answered(bad) };
}

const outcomesOf = (requests: readonly Submitted[]): Record<string, number> => {
  const outcomes: Record<string, number> = {};
  for (const { outcome = 'waits' } of requests) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  return outcomes;
};

const cases: readonly (readonly [string, Flood])[] = [
  ['without an objective', { spec: {} }],
  ['with an objective', { spec: { objective: { latencyMs: 100 } } }],
  ['with a small queue', { spec: { requests: { maxQueued: 50 } } }],
  [
    'with a queue that is small in bytes',
    { spec: { requests: { maxQueuedBytes: 50_000, maxBodyBytes: 50_000 } }, bytes: 1_000 },
  ],
  ['of another model', { spec: {}, models: { attacked: 'm', asked: 'n' } }],
  ['at the default level', { spec: { objective: { latencyMs: 100 } }, level: 5 }],
];

for (const [name, given] of cases) {
  test(`a flood of the first priority leaves others a ninth of what is served: ${name}`, (t) => {
    const { good, share, rows } = flood(t, given);
    t.diagnostic(`${(100 * share).toFixed(1)}% of ${rows} rows, ${JSON.stringify(outcomesOf(good))}`);
    assert.ok(share >= 1 / 9 - 0.0005, `${(100 * share).toFixed(2)}% of ${rows} rows`);
    // One pod serves 1,000 rows a second in full runs: the levels cost no throughput, but for runs of the other model's few rows.
    assert.ok(rows > (given.models === undefined ? 9_500 : 7_000), `${rows} rows`);
  });
}

test('a level below its ninth of a full queue is let in, and a request of the level that holds most gives way', (t) => {
  const { submit, pass, pool } = virtualPool(t, { pods: {}, spec: { requests: { maxQueued: 20 } } });
  const first = Array.from({ length: 20 }, (_, index) => submit(`first ${index}`, { priority: 1 }));
  const last = Array.from({ length: 3 }, (_, index) => submit(`last ${index}`, { priority: 9 }));
  pass();
  assert.deepEqual(outcomesOf(first), { waits: 18, '503 queue-full': 2 });
  assert.deepEqual(outcomesOf(last), { waits: 2, '503 queue-full': 1 });
  assert.deepEqual(first.at(0)?.outcome, undefined);
  assert.equal(pool.book.queued, 20);
  const { shed } = pool.book.totals();
  assert.equal(shed['queue-full'], 3);
});

test('room for a body of a level below its ninth is made by requests of the level that holds most', (t) => {
  const spec = { requests: { maxQueuedBytes: 1_000, maxBodyBytes: 1_000 } };
  const { submit, pass, pool } = virtualPool(t, { pods: {}, spec });
  const first = Array.from({ length: 10 }, (_, index) => submit(`first ${index}`, { priority: 1, bytes: 100 }));
  const modelQueue = pool.book.modelQueues.get('m')!;
  const lowest = { modelQueue, level: 9 };
  pool.book.room.check(lowest, 90);
  pool.book.room.reserve(lowest, 50, 50);
  pool.book.room.reserve(lowest, 90, 40);
  assert.throws(() => pool.book.room.reserve(lowest, 112, 22), /is full/);
  assert.throws(() => pool.book.room.check({ modelQueue, level: 1 }, 11), /is full/);
  assert.throws(() => pool.book.room.reserve({ modelQueue, level: 1 }, 20, 20), /is full/);
  pool.book.room.release(90);
  submit('last', { priority: 9, bytes: 90 });
  pass();
  assert.deepEqual(outcomesOf(first), { waits: 9, '503 queue-full': 1 });
  assert.equal(pool.book.queuedBytes, 990);
});
