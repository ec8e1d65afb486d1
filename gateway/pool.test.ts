import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mediaTypes } from '../contract/headers.ts';
import type { FakePod } from './testing/fake-pod.ts';
import { virtualPool } from './testing/virtual-pool.ts';

/** l(b) = 10 ms for any number of rows. */
const tenMs = [
  { rows: 1, occupiedUs: 10_000 },
  { rows: 64, occupiedUs: 10_000 },
];
const prepare = (pod: FakePod): void => void (pod.warmup = tenMs);

test('requests that arrive are counted with their bytes and rows, admitted or not', (t) => {
  const { pool, submit } = virtualPool(t, { pods: { a: ['m'] }, spec: { requests: { maxQueued: 2 } } });
  const outcomes = ['1', '2', '3'].map((id) => submit(id, { bytes: 100 }).outcome);
  assert.deepEqual(outcomes, [undefined, undefined, '503 queue-full']);
  const { counters } = pool.book.modelQueues.get('m')!;
  assert.deepEqual([counters.plain.arrivals, counters.plain.arrivedBytes, counters.plain.arrivedRows], [3, 300, 3]);
  assert.equal(counters.shed['queue-full'], 1);
});

test('bytes that wait are bounded, and free again once requests leave for a pod', (t) => {
  const { pool, submit, pass, callWith } = virtualPool(t, {
    pods: { a: ['m'] },
    spec: { requests: { maxQueuedBytes: 1_000, maxBodyBytes: 1_000 } },
  });
  for (let round = 0; round < 20; round += 1) {
    assert.equal(submit(`first ${round}`, { bytes: 600 }).outcome, undefined);
    assert.equal(submit(`second ${round}`, { bytes: 401 }).outcome, '503 queue-full');
    pass();
    assert.deepEqual([pool.book.queued, pool.book.queuedBytes], [0, 0]);
    callWith(`first ${round}`).finish();
    pass();
  }
});

test('a request that would miss the objective is refused while all pods are busy', (t) => {
  const { submit, pass } = virtualPool(t, {
    pods: { a: ['m'] },
    prepare,
    spec: { objective: { latencyMs: 35 }, batching: { maxRows: 1 } },
  });
  const submitted = Array.from({ length: 8 }, (_, index) => {
    const request = submit(`${index}`);
    pass();
    return request.outcome;
  });
  assert.deepEqual(submitted.slice(0, 3), [undefined, undefined, undefined]);
  assert.deepEqual(
    submitted.slice(4),
    Array.from({ length: 4 }, () => '503 overloaded'),
  );
});

test('the wait that is predicted grows by a run for each batch ahead, of other models too', (t) => {
  const { pool, submit, pass } = virtualPool(t, {
    models: ['m', 'n'],
    pods: { a: ['m', 'n'] },
    prepare,
    spec: { batching: { maxRows: 1 } },
  });
  const m = pool.book.modelQueues.get('m')!;
  const waitMs = (): number => Math.round(pool.admission.predictedWaitMs(m, 1));
  assert.equal(waitMs(), 10);
  submit('1');
  submit('2');
  // Times at which pods are free are kept for a moment.
  pass(1);
  assert.equal(waitMs(), 29);
  pass(3);
  assert.equal(waitMs(), 26);
  submit('3');
  assert.equal(waitMs(), 36);
  submit('4', { model: 'n' });
  assert.equal(waitMs(), 46);
});

test('without batching the wait goes by the rows that come back', (t) => {
  const spec = { batching: { enabled: false } };
  const { pool, submit } = virtualPool(t, { pods: { a: ['m'], b: ['m'] }, prepare, spec });
  const m = pool.book.modelQueues.get('m')!;
  assert.equal(Math.round(pool.admission.predictedWaitMs(m, 1)), 10);
  for (const id of ['1', '2', '3', '4']) submit(id);
  assert.equal(Math.round(pool.admission.predictedWaitMs(m, 1)), 30);
});

test('a request that finds no pod is held, wakes the scaler once, and is refused after coldStartHoldMs', (t) => {
  const { submit, pass, list, wakes } = virtualPool(t, {
    pods: { a: ['m'] },
    spec: { requests: { coldStartHoldMs: 1_000 } },
  });
  list();
  const before = wakes();
  const requests = ['1', '2'].map((id) => submit(id, { timeoutMs: 20_000 }));
  assert.equal(wakes(), before + 1);
  pass(1_000);
  assert.deepEqual([requests[0]!.outcome, wakes()], ['503 no-pod', before + 1]);
});

test('a request that is held goes to the first pod that becomes ready', (t) => {
  const { submit, pass, list, pods, sent } = virtualPool(t, { pods: { a: ['m'] } });
  list();
  submit('1');
  pass(500);
  pods[0]!.state = 'loading';
  list(pods[0]!.listed({ phase: 'Running' }));
  pass(500);
  assert.deepEqual(sent(), []);
  pods[0]!.state = 'ready';
  pass(60);
  assert.deepEqual(sent(), ['a: 1']);
});

test('the scaler is woken when the last pod goes while requests wait, and again after there was one', (t) => {
  const { submit, pass, list, pods, wakes, callWith } = virtualPool(t, {
    pods: { a: ['m'] },
    spec: { batching: { maxRows: 1 } },
  });
  for (const id of ['1', '2', '3']) submit(id);
  pass();
  list(pods[0]!.listed({ draining: 'scaler' }));
  const before = wakes();
  pass(200);
  assert.equal(wakes(), before + 1);
  pass(200);
  assert.equal(wakes(), before + 1);
  list(pods[0]!.listed());
  callWith('1').finish();
  callWith('2').finish();
  pass(60);
  list(pods[0]!.listed({ draining: 'scaler' }));
  submit('4');
  pass(60);
  assert.equal(wakes() > before + 1, true);
});

test('the scaler is woken by a wait beyond the objective', (t) => {
  const { submit, pass, wakes } = virtualPool(t, {
    pods: { a: ['m'] },
    prepare,
    spec: { objective: { latencyMs: 35 }, batching: { maxRows: 1 } },
  });
  for (const id of ['1', '2', '3']) {
    submit(id);
    pass();
  }
  assert.equal(wakes(), 0);
  submit('4');
  submit('5');
  assert.equal(wakes(), 1);
});

test('the scaler is woken by a wait beyond a second in a pool without an objective', (t) => {
  const { submit, pass, wakes } = virtualPool(t, { pods: { a: ['m'] }, prepare, spec: { batching: { maxRows: 1 } } });
  for (let index = 0; index < 99; index += 1) {
    submit(`${index}`);
    if (index < 2) pass();
  }
  assert.equal(wakes(), 0);
  for (let index = 0; index < 5; index += 1) submit(`more ${index}`);
  assert.equal(wakes(), 1);
});

test('a model that no ready pod serves is refused at once, unless a pod is on its way', (t) => {
  const { submit, list, pods, pass, pool } = virtualPool(t, { models: ['m', 'n'], pods: { a: ['m'], b: ['n'] } });
  list(pods[0]!.listed());
  pass();
  assert.equal(submit('1', { model: 'n' }).outcome, '503 model-not-ready');
  assert.equal(pool.endpoints.unservedReason('n'), 'pod-a: no such model in its repository');
  assert.equal(pool.endpoints.unservedReason('m'), null);
  assert.equal(submit('2', { model: 'm' }).outcome, undefined);
  list(pods[0]!.listed(), pods[1]!.listed({ phase: 'Pending', origin: null }));
  const held = submit('3', { model: 'n', timeoutMs: 600_000 });
  assert.equal(held.outcome, undefined);
  pass(pool.spec.requests.coldStartHoldMs + 100);
  assert.equal(held.outcome, '503 no-pod');
});

test('a model’s first cost is that of its warm-up, unless it is not ready or another version is the default', (t) => {
  const { pool } = virtualPool(t, { pods: { a: ['m'] }, prepare });
  assert.equal(pool.book.modelQueues.get('m')!.cost.samples, 2);
  const unready = virtualPool(t, {
    pods: { a: ['m'] },
    prepare: (pod) => {
      pod.warmup = tenMs;
      pod.changeModel = (model) => ({ ...model, ready: false });
    },
  });
  assert.equal(unready.pool.book.modelQueues.get('m')!.cost.samples, 0);
  const other = virtualPool(t, {
    pods: { a: ['m'] },
    prepare: (pod) => {
      pod.warmup = tenMs;
      pod.changeModel = (model) => ({ ...model, isDefault: false });
    },
  });
  assert.equal(other.pool.book.modelQueues.get('m')!.cost.samples, 0);
});

test('a closed pool answers what waits, and what its pods held, with 404', async (t) => {
  const { pool, submit, pass, pods, time } = virtualPool(t, {
    pods: { a: ['m'] },
    spec: { batching: { maxRows: 1 } },
  });
  const requests = ['1', '2', '3'].map((id) => submit(id));
  pass();
  await pool.close();
  assert.deepEqual(
    requests.map(({ outcome }) => outcome),
    requests.map(() => '404 model-not-found'),
  );
  assert.equal(pods[0]!.closed, true);
  assert.equal(time.timers, 1, 'but for the pool’s own tick, which is its caller’s');
  assert.deepEqual([pool.book.queued, pool.book.queuedBytes, pool.book.waitingAlone], [0, 0, 0]);
});

test('a changed spec holds from the next request on', (t) => {
  const { pool, submit, configure } = virtualPool(t, { pods: { a: ['m'] }, spec: { requests: { maxQueued: 1 } } });
  assert.deepEqual([submit('1').outcome, submit('2').outcome], [undefined, '503 queue-full']);
  configure({ requests: { maxQueued: 3 } });
  assert.equal(pool.spec.requests.maxQueued, 3);
  assert.deepEqual([submit('3').outcome, submit('4').outcome], [undefined, undefined]);
});

test('a request that would miss its own deadline is refused', (t) => {
  const spec = { batching: { maxRows: 1 } };
  const { submit, pass } = virtualPool(t, { pods: { a: ['m'] }, prepare, spec });
  for (const id of ['1', '2']) submit(id);
  pass(1);
  assert.equal(submit('3', { timeoutMs: 25 }).outcome, '503 overloaded');
  assert.equal(submit('4', { timeoutMs: 60 }).outcome, undefined);
});

test('pods that take requests one by one are idle while they have a slot', (t) => {
  const objective = { latencyMs: 5 };
  const oneByOne = virtualPool(t, {
    pods: { a: ['m'] },
    prepare,
    spec: { objective, batching: { enabled: false } },
  });
  oneByOne.submit('1');
  oneByOne.pass(1);
  assert.equal(oneByOne.submit('2').outcome, undefined, 'nothing waits before it');
  const inBatches = virtualPool(t, { pods: { a: ['m'] }, prepare, spec: { objective } });
  inBatches.submit('1');
  inBatches.pass(1);
  assert.equal(inBatches.submit('2').outcome, '503 overloaded');
});

test('the age of the first that waits counts for those that would share its run', (t) => {
  const steep = [
    { rows: 1, occupiedUs: 11_000 },
    { rows: 64, occupiedUs: 74_000 },
  ];
  const { pool, submit, pass } = virtualPool(t, {
    pods: { a: ['m'] },
    prepare: (pod) => void (pod.warmup = steep),
    spec: { objective: { latencyMs: 36.5 } },
  });
  for (const id of ['running', 'staged']) {
    submit(id);
    pass();
  }
  const outcomes = ['1', '2', '3', '4', '5', '6'].map((id) => {
    pass(1);
    return submit(id).outcome;
  });
  assert.equal(pool.book.queued, 5, 'all in one queue, behind two envelopes of 11 ms each');
  // Each would be answered after 32 ms itself; the first, which has waited a millisecond more each time, after 37.
  assert.deepEqual(outcomes, [undefined, undefined, undefined, undefined, undefined, '503 overloaded']);
});

test('a person’s word on a model is kept with its age, and the scaler is told at once', (t) => {
  const { pool, pass, time, wakes } = virtualPool(t, { pods: { a: ['m'] } });
  const before = wakes();
  pool.say('m', 'unload');
  assert.equal(wakes(), before + 1);
  pass(250);
  assert.deepEqual(pool.words.list(time.nowMs), [{ model: 'm', action: 'unload', number: 1, ageMs: 250 }]);
});

test('the default version that the cluster shows is the one that answers', (t) => {
  const { pool, pods, submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  pool.applyPods([pods[0]!.listed()], [{ name: 'm', version: '1', generation: 7 }]);
  submit('1');
  pass();
  assert.equal(callWith('1').requests[0]!.resolved?.version, '1');
});

test('a model that someone has unloaded is refused at once, even where no pod is there to lack it', (t) => {
  const { pool, submit } = virtualPool(t, { models: ['m', 'n'], pods: { a: ['m', 'n'] } });
  pool.applyPods([], [{ name: 'm', version: '1', generation: 1, unloaded: true }]);
  const outcomes = ['m', 'n'].map((model) => submit(model, { model }).outcome);
  assert.deepEqual(outcomes, ['503 model-not-ready', undefined]);
});

const batching: readonly (readonly [string, string | null, (pod: FakePod) => void])[] = [
  ['batches it', null, () => undefined],
  [
    'says why it does not',
    'no input has a batch axis',
    (pod) => (pod.changeModel = (model) => ({ ...model, unbatchedReason: 'no input has a batch axis' })),
  ],
  [
    'has a finding of the watch',
    'outputs change with companions',
    (pod) => (pod.alsoReports = { unbatched: [{ name: 'm', version: '1', reason: 'outputs change with companions' }] }),
  ],
];

for (const [what, reason, change] of batching) {
  test(`whether requests of a model share runs is known from its pods: one ${what}`, (t) => {
    const { pool } = virtualPool(t, { pods: { a: ['m'] }, prepare: change });
    assert.equal(pool.book.modelQueues.get('m')!.unbatchedReason, reason);
  });
}

test('a full queue lets a level below its share in, and a request of the one that holds most gives way', (t) => {
  const { pool, submit } = virtualPool(t, { pods: {}, spec: { requests: { maxQueued: 10 } } });
  const first = Array.from({ length: 10 }, (_, index) => submit(`${index}`, { priority: 1 }));
  const refused = (): number => first.filter(({ outcome }) => outcome === '503 queue-full').length;
  assert.equal(refused(), 0);
  assert.deepEqual([submit('more', { priority: 1 }).outcome, refused()], ['503 queue-full', 0]);
  assert.deepEqual([submit('last', { priority: 9 }).outcome, refused()], [undefined, 1]);
  assert.equal(pool.book.queued, 10);
});

test('a long text is refused where it would make the short ones late that wait, not where they are late without it', (t) => {
  /** Milliseconds of a run: 20 fixed, and 0.25 a token. */
  const runUs = (rows: number, tokens: number): number => 1_000 * (20 + 0.25 * rows * tokens);
  const arrival = (afterMs: number): string | undefined => {
    const { submit, pass, callWith } = virtualPool(t, {
      pods: { a: ['m'] },
      spec: { objective: { latencyMs: 240 } },
      prepare: (pod) => {
        pod.warmup = [1, 8, 64].map((rows) => ({ rows, occupiedUs: runUs(rows, 8), rowElements: 8 }));
      },
    });
    const text = (id: string, tokens: number) => submit(id, { bytes: 8 * tokens, contentType: mediaTypes.binary });
    for (const tokens of [8, 256, 512]) {
      text('taught', tokens);
      const run = { rows: 1, ownRows: 1, queueUs: 0, occupiedUs: runUs(1, tokens), rowElements: tokens };
      pass(run.occupiedUs / 1_000);
      callWith('taught').answer(0, { rowElements: tokens });
      callWith('taught').end({ runs: [run] });
      pass();
    }
    text('running', 512);
    pass();
    for (const id of ['1', '2', '3', '4']) assert.equal(text(id, 8).outcome, undefined);
    pass(afterMs);
    return text('long', 256).outcome;
  };
  // The long one would be in time itself. The first short one would take 260 ms with it and 178 without, or 342 and 260.
  assert.deepEqual([arrival(110), arrival(230)], ['503 overloaded', undefined]);
});

test('a pool without requests does not wake the scaler for want of a pod', (t) => {
  const { pass, list, pods, wakes } = virtualPool(t, { pods: { a: ['m'] } });
  list(pods[0]!.listed({ phase: 'Running', draining: 'scaler' }));
  const before = wakes();
  pass(500);
  assert.equal(wakes(), before);
});

test('a measured rate counts only while requests wait', (t) => {
  const { pool, submit, pass, pods } = virtualPool(t, { pods: { a: null }, prepare });
  const m = pool.book.modelQueues.get('m')!;
  for (let index = 0; index < 400; index += 1) submit(`${index}`, { timeoutMs: 100_000 });
  pass();
  while (pods[0]!.open.length > 0) {
    pass(50);
    for (const call of pods[0]!.open) call.finish();
    pass();
  }
  const runMs = pool.admission.predictedWaitMs(m, 1);
  for (let index = 0; index < 20; index += 1) submit(`more ${index}`, { timeoutMs: 100_000 });
  const perMs = m.throughput.rowsPerMs!;
  assert.ok(perMs > 0.05 && perMs < 0.3, `${perMs}`);
  assert.ok(Math.abs(pool.admission.predictedWaitMs(m, 1) - (runMs + 20 / perMs)) < 1e-6);
});

test('requests whose answers have no room wait beside the queue, and go once there is', (t) => {
  const { pool, submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  let hasRoom = false;
  const answerRoom = { takeAnswerRoom: () => hasRoom, releaseAnswerRoom: () => undefined };
  const held = ['1', '2'].map((id) => submit(id, { answerRoom }));
  pass();
  assert.deepEqual([sent(), pool.book.held], [[], 2]);
  // An idle pod takes what has room.
  submit('3');
  pass();
  assert.deepEqual(sent(), ['a: 3']);
  callWith('3').finish();
  pool.onAnswerRoom();
  pass();
  assert.deepEqual([sent(), pool.book.held], [[], 2]);
  hasRoom = true;
  pool.onAnswerRoom();
  pass();
  assert.deepEqual(sent(), ['a: 1,2']);
  callWith('1').finish();
  pass();
  assert.deepEqual(
    held.map(({ outcome }) => outcome),
    ['200 by pod-a', '200 by pod-a'],
  );
});
