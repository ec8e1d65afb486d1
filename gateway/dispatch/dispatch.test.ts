import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { FakePod } from '../testing/fake-pod.ts';
import type { RequestTrace } from '../telemetry/tracing.ts';
import { predictRequest } from '../testing/pending.ts';
import { virtualPool } from '../testing/virtual-pool.ts';

const twoPods = { a: ['m'], b: ['m'] };
const many = Array.from({ length: 20 }, (_, index) => `r${index + 1}`);

test('a request that meets an idle pod leaves in the same turn', (t) => {
  const { submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  const request = submit('r');
  assert.deepEqual(sent(), []);
  pass();
  assert.deepEqual(sent(), ['a: r']);
  assert.equal(callWith('r').kind, 'envelope');
  callWith('r').finish();
  assert.equal(request.outcome, '200 by pod-a');
});

test('requests of one turn travel together', (t) => {
  const { submit, pass, sent } = virtualPool(t, { pods: { a: ['m'] } });
  for (const id of ['1', '2', '3']) submit(id);
  pass();
  assert.deepEqual(sent(), ['a: 1,2,3']);
});

test('a pod has one envelope that executes and one that is staged, never three', (t) => {
  const { submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  for (const id of ['1', '2', '3']) {
    submit(id);
    pass();
  }
  assert.deepEqual(sent(), ['a: 1', 'a: 2']);
  callWith('1').finish();
  pass();
  assert.deepEqual(sent(), ['a: 2', 'a: 3']);
});

test('an idle pod is taken before one that is busy', (t) => {
  const { submit, pass, pods, sent } = virtualPool(t, { pods: twoPods });
  submit('1');
  pass();
  submit('2');
  pass();
  assert.deepEqual(
    pods.map(({ open }) => open.length),
    [1, 1],
    sent().join(' '),
  );
});

test('among the models the one goes first whose first request precedes the others', (t) => {
  const pods = { a: ['low', 'soon', 'high'] };
  const { submit, pass, sent, callWith } = virtualPool(t, { models: ['low', 'soon', 'high'], pods });
  for (const id of ['x', 'y']) {
    submit(id, { model: 'low' });
    pass();
  }
  submit('low', { model: 'low', priority: 9, timeoutMs: 1_000 });
  submit('soon', { model: 'soon', timeoutMs: 5_000 });
  submit('later', { model: 'low', timeoutMs: 6_000 });
  submit('high', { model: 'high', priority: 1 });
  for (const id of ['x', 'y', 'high', 'soon', 'later,low']) {
    assert.equal(sent()[0], `a: ${id}`);
    callWith(id.split(',')[0]!).finish();
    pass();
  }
  assert.deepEqual(sent(), []);
});

test('a model that waits for more does not hold up another', (t) => {
  const models = ['first', 'other'];
  const { submit, pass, sent } = virtualPool(t, { models, pods: { a: models } });
  for (const id of ['1', '2', '3']) submit(id, { model: 'first' });
  pass();
  // One row behind three that execute would gain nothing by leaving.
  submit('4', { model: 'first' });
  pass();
  assert.deepEqual(sent(), ['a: 1,2,3']);
  for (const id of ['5', '6', '7']) submit(id, { model: 'other' });
  pass();
  assert.deepEqual(sent(), ['a: 1,2,3', 'a: 5,6,7']);
});

test('a request goes only to a pod that serves its model', (t) => {
  const { submit, pass, sent } = virtualPool(t, { models: ['m', 'n'], pods: { a: ['m'], b: ['n'] } });
  for (const id of ['1', '2', '3']) submit(id, { model: 'n' });
  pass();
  submit('4', { model: 'm' });
  pass();
  assert.deepEqual(sent(), ['a: 4', 'b: 1,2,3']);
});

test('a batch holds at most the rows of the pool or its pods, and the bytes of the pool', (t) => {
  const batching = { maxRows: 4, maxBytes: 100 };
  const byRows = virtualPool(t, { pods: { a: ['m'] }, spec: { batching } });
  for (const id of many) byRows.submit(id);
  byRows.pass();
  assert.deepEqual(byRows.sent(), ['a: r1,r2,r3,r4', 'a: r5,r6,r7,r8']);

  const ofPods = virtualPool(t, { pods: { a: ['m'] }, prepare: (pod) => (pod.maxRows = 2) });
  for (const id of many) ofPods.submit(id);
  ofPods.pass();
  assert.deepEqual(ofPods.sent(), ['a: r1,r2', 'a: r3,r4']);

  const byBytes = virtualPool(t, { pods: { a: ['m'] }, spec: { batching } });
  for (const [id, bytes] of [
    ['1', 60],
    ['2', 40],
    ['3', 1],
    ['4', 500],
  ] as const) {
    byBytes.submit(id, { bytes });
  }
  byBytes.pass();
  assert.deepEqual(byBytes.sent(), ['a: 1,2', 'a: 3'], 'the largest travels alone');
  byBytes.callWith('1').finish();
  byBytes.pass();
  assert.deepEqual(byBytes.sent(), ['a: 3', 'a: 4']);
});

const warmup = [
  { rows: 1, occupiedUs: 10_000 },
  { rows: 64, occupiedUs: 20_000 },
];

/** A pool of one pod that was lost while it held the request `lost`, and is on probation since. */
function onProbation(t: TestContext) {
  const prepare = (pod: FakePod): void => void (pod.warmup = warmup);
  const spec = { health: { maxEjectedRatio: 1 } };
  const virtual = virtualPool(t, { pods: { a: ['m'] }, prepare, spec });
  const { pool, submit, pass, sent, callWith } = virtual;
  const [endpoint] = pool.endpoints.all;
  submit('lost');
  pass();
  callWith('lost').abort('reset');
  assert.equal(endpoint!.health.kind, 'ejected');
  for (let ms = 0; sent().length === 0; ms += 1) {
    assert.ok(ms < 200);
    pass(1);
  }
  assert.deepEqual([endpoint!.health.kind, sent()], ['probing', ['a: lost']]);
  return { ...virtual, endpoint: endpoint! };
}

test('a pod on probation gets one request at a time, until one is answered well', (t) => {
  const { endpoint, submit, pass, sent, callWith } = onProbation(t);
  for (const id of ['1', '2', '3']) submit(id);
  pass();
  assert.deepEqual(sent(), ['a: lost'], 'nothing beside it');
  callWith('lost').finish(500);
  pass();
  assert.deepEqual([endpoint.health.kind, sent()], ['probing', ['a: 1']]);
  callWith('1').finish();
  pass();
  assert.deepEqual([endpoint.health.kind, sent()], ['serving', ['a: 2,3']]);
});

test('a pod on probation that is still slow is ejected again, however well it answers', (t) => {
  const { endpoint, pass, callWith } = onProbation(t);
  pass(120);
  callWith('lost').finish();
  assert.deepEqual([endpoint.health.kind, endpoint.detail], ['ejected', 'slow: still 120 ms']);
});

test('a pod that serves is not ejected for one slow answer', (t) => {
  const { pool, submit, pass, callWith } = virtualPool(t, {
    pods: { a: ['m'] },
    prepare: (pod) => void (pod.warmup = warmup),
  });
  submit('1');
  pass(120);
  callWith('1').finish();
  assert.equal([...pool.endpoints.all][0]!.health.kind, 'serving');
});

test('without batching each request travels by itself, as many as there are', (t) => {
  const spec = { batching: { enabled: false } };
  const { submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'] }, spec });
  for (const id of ['1', '2', '3', '4', '5']) submit(id);
  pass();
  assert.deepEqual(sent(), ['a: 1', 'a: 2', 'a: 3', 'a: 4', 'a: 5']);
  assert.equal(callWith('1').kind, 'plain');
});

test('a foreign server gets plain requests, as many at once as it is known to work on', (t) => {
  const { submit, pass, sent, callWith } = virtualPool(t, { pods: { a: null } });
  for (const id of many) submit(id);
  pass();
  assert.deepEqual(
    sent(),
    many.slice(0, 8).map((id) => `a: ${id}`),
  );
  assert.equal(callWith('r1').kind, 'plain');
  callWith('r1').finish();
  pass();
  assert.equal(sent().length, 8, 'one came back, one left');
  callWith('r2').abort('refused');
  pass();
  assert.equal(sent().length, 7, 'a pod that refuses gets nothing new');
});

test('answers of foreign servers teach the cost: a share of the time for each request that was there', (t) => {
  const { pool, submit, pass, callWith } = virtualPool(t, { pods: { a: null } });
  for (const id of ['1', '2']) submit(id);
  pass();
  pass(20);
  callWith('1').finish();
  const { cost } = pool.book.modelQueues.get('m')!;
  assert.equal(cost.samples, 1);
  assert.ok(Math.abs(cost.a + cost.c - 10) < 0.5, `${cost.a} + ${cost.c}`);
});

test('envelopes teach the cost, the pace and the overhead, and count each run once', (t) => {
  const { pool, submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  submit('1');
  submit('2');
  pass();
  pass(30);
  callWith('1').answer(0);
  callWith('1').answer(1);
  callWith('1').end({ runs: [{ rows: 8, ownRows: 2, queueUs: 0, occupiedUs: 16_000 }], queuedRows: 7 });
  const modelQueue = pool.book.modelQueues.get('m')!;
  assert.equal(modelQueue.cost.samples, 1);
  assert.equal(modelQueue.counters.runRows.count, 0.25);
  const [endpoint] = pool.endpoints.all;
  assert.equal(endpoint!.queuedRows, 7);
  assert.equal(endpoint!.pace.samples, 1);
});

test('answers teach how many rows a byte is worth', (t) => {
  const { pool, submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  submit('1', { bytes: 100 });
  pass();
  callWith('1').answer(0, { rows: 10 });
  callWith('1').end();
  assert.equal(submit('2', { bytes: 50 }).pending!.estimatedRows, 5);
  assert.ok(pool.book.modelQueues.get('m')!.rowsPerRequest > 1);
});

test('a pod that is busy gets nothing for 20 ms, and what it did not execute goes on elsewhere at once', (t) => {
  const { pool, submit, pass, sent, callWith, pods } = virtualPool(t, { pods: { a: ['m'] } });
  const request = submit('1');
  pass();
  callWith('1').answer(0, { status: 503, busy: true });
  callWith('1').end();
  pass();
  assert.deepEqual(sent(), []);
  assert.equal(request.pending!.attempts, 0, 'what was not executed is no attempt');
  pass(20);
  assert.deepEqual(sent(), []);
  pass(1);
  assert.deepEqual(sent(), ['a: 1']);
  assert.equal(pool.book.modelQueues.get('m')!.counters.retries.busy, 1);
  assert.equal([...pool.endpoints.all][0]!.health.kind, 'serving', 'busy is no evidence');
  pods[0]!.open[0]!.finish();
  assert.equal(request.outcome, '200 by pod-a');
});

test('a pod that refuses an envelope since it ends is not asked again, and what it refused goes elsewhere', (t) => {
  const { submit, pass, sent, callWith, pods } = virtualPool(t, { pods: { a: ['m'] } });
  const request = submit('1');
  pass();
  pods[0]!.state = 'draining';
  callWith('1').abort('busy');
  pass(100);
  assert.deepEqual(sent(), []);
  assert.equal(request.pending!.attempts, 0);
});

test('each envelope is counted: its reason, its requests, and how long they waited', (t) => {
  const { pool, submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'] }, spec: { batching: { maxRows: 2 } } });
  const { counters } = pool.book.modelQueues.get('m')!;
  for (const id of ['1', '2', '3']) submit(id);
  pass();
  assert.deepEqual(
    [counters.batches.full, counters.batches['slot-free'], counters.envelopeRequests.sum, counters.queueSeconds.sum],
    [1, 0, 2, 0],
  );
  pass(40);
  callWith('1').finish();
  pass();
  assert.deepEqual([counters.batches['slot-free'], counters.queueSeconds.count], [1, 3]);
  assert.ok(Math.abs(counters.queueSeconds.sum - 0.04) < 1e-9, `${counters.queueSeconds.sum}`);
});

test('the answer that the client gets is the pod’s own, with what the server said of trying again', (t) => {
  const { submit, pass, callWith } = virtualPool(t, { pods: { a: null } });
  const request = submit('1');
  pass();
  callWith('1').answer(0, { status: 429, contentType: 'text/plain', inferenceHeaderLength: 3, runRows: 4 }, '17');
  callWith('1').end();
  assert.deepEqual(request.settled, [
    {
      kind: 'answer',
      status: 429,
      contentType: 'text/plain',
      inferenceHeaderLength: 3,
      retryAfter: '17',
      body: Buffer.from('1'),
      pod: 'pod-a',
      runRows: 4,
    },
  ]);
});

test('the drain of a pod that reports it takes it out, and wakes the scaler once it holds nothing', (t) => {
  const { pool, submit, pass, sent, callWith, wakes } = virtualPool(t, { pods: { a: ['m'] } });
  submit('1');
  pass();
  submit('2');
  pass();
  const before = wakes();
  callWith('1').answer(0);
  callWith('1').end({ draining: true });
  assert.equal(wakes(), before, 'it still holds a batch');
  submit('3');
  pass();
  assert.deepEqual(sent(), ['a: 2']);
  callWith('2').finish();
  assert.ok(wakes() > before);
  assert.equal(pool.endpoints.accepting.size, 0);
});

test('requests with a pod are counted from when they leave until their batch ends, well or not', (t) => {
  const { pool, submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  const inFlight = (): number => pool.book.modelQueues.get('m')!.inFlight;
  submit('1');
  submit('2');
  pass();
  assert.equal(inFlight(), 2);
  callWith('1').answer(0);
  assert.equal(inFlight(), 2);
  callWith('1').answer(1);
  callWith('1').end();
  assert.equal(inFlight(), 0);
  submit('3');
  pass();
  assert.equal(inFlight(), 1);
  callWith('3').abort('reset');
  assert.equal(inFlight(), 0);
});

test('the first request’s deadline cuts a batch short', (t) => {
  const steep = [
    { rows: 1, occupiedUs: 11_000 },
    { rows: 64, occupiedUs: 74_000 },
  ];
  const { pool, submit, pass, sent } = virtualPool(t, {
    pods: { a: ['m'] },
    prepare: (pod) => void (pod.warmup = steep),
  });
  for (const id of many) submit(id, { timeoutMs: 22 });
  pass();
  // l(b) = 10 + b ms, and the margin of 2 ms: ten rows are in time.
  assert.deepEqual(sent()[0], `a: ${many.slice(0, 10).join()}`);
  assert.equal(pool.book.modelQueues.get('m')!.counters.batches.deadline > 0, true);
});

test('what envelopes take beyond their prediction counts in the waits that are predicted', (t) => {
  const { pool, submit, pass, callWith } = virtualPool(t, {
    pods: { a: ['m'] },
    prepare: (pod) => void (pod.warmup = warmup),
  });
  const m = pool.book.modelQueues.get('m')!;
  const before = pool.admission.predictedWaitMs(m, 1);
  for (let run = 0; run < 3; run += 1) {
    submit(`${run}`);
    pass(60);
    callWith(`${run}`).answer(0);
    callWith(`${run}`).end({ runs: [{ rows: 1, ownRows: 1, queueUs: 0, occupiedUs: 10_000 }] });
  }
  assert.ok(pool.admission.predictedWaitMs(m, 1) > before + 40);
});

test('a slot that a lost batch has left is used in the same turn', (t) => {
  const { submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  for (const id of ['1', '2', '3']) {
    submit(id);
    pass();
  }
  callWith('1').abort('busy');
  pass(25);
  assert.deepEqual(sent(), ['a: 2', 'a: 1,3']);
});

test('a pod that is gone is let go of when its last batch is lost', (t) => {
  const { pool, submit, pass, callWith, list, pods } = virtualPool(t, { pods: { a: ['m'] } });
  submit('1');
  pass();
  list();
  assert.deepEqual([[...pool.endpoints.all].length, pods[0]!.closed], [1, false]);
  callWith('1').abort('reset');
  assert.deepEqual([[...pool.endpoints.all].length, pods[0]!.closed], [0, true]);
});

test('a trace is told of each try: where it goes, with how many, and what came back', (t) => {
  const { pool, time, pass, callWith } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  const steps: string[] = [];
  const trace = {
    traceparent: 'own',
    queued: () => steps.push('queued'),
    sent: (pod: string, requests: number, attempt: number) => {
      steps.push(`sent with ${requests - 1} others, attempt ${attempt}`);
      return `try ${attempt} at ${pod.slice(0, 4)}`;
    },
    returned: (lost: string | null) => steps.push(`returned ${lost}`),
    end: (status: number | null) => steps.push(`end ${status}`),
  } as unknown as RequestTrace;
  const times = { arrivedAtMs: time.nowMs, deadlineAtMs: time.nowMs + 1_000 };
  const pending = pool.submit(pool.book.modelQueues.get('m')!, predictRequest({ id: '1', ...times }), trace);
  pass();
  assert.equal(pending.traceparent, 'try 1 at pod-');
  callWith('1').answer(0, { status: 503, busy: true });
  callWith('1').end();
  pass();
  callWith('1').abort('refused', 'ECONNREFUSED');
  pass(200);
  callWith('1').abort('reset', 'ECONNRESET');
  pass(200);
  callWith('1').finish();
  assert.deepEqual(steps, [
    'queued',
    'sent with 0 others, attempt 1',
    'returned busy',
    'queued',
    'sent with 0 others, attempt 1',
    'returned refused: ECONNREFUSED',
    'queued',
    'sent with 0 others, attempt 1',
    'returned reset: ECONNRESET',
    'sent with 0 others, attempt 2',
    'returned null',
    'end 200',
  ]);
});

test('a batch leaves without what has no room for its answer, which is tried again only when there may be some', (t) => {
  const { pool, submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  let hasRoom = false;
  let asked = 0;
  const takeAnswerRoom = (): boolean => {
    asked += 1;
    return hasRoom;
  };
  const answerRoom = { takeAnswerRoom, releaseAnswerRoom: () => undefined };
  const told = (): void => {
    pool.onAnswerRoom();
    pass();
  };
  submit('first', { answerRoom });
  pass();
  assert.deepEqual([sent(), pool.book.held, asked], [[], 1, 1], 'nothing is sent in its place');
  for (const id of ['1', 'second', '2']) submit(id, id === 'second' ? { answerRoom } : {});
  pass();
  assert.deepEqual([sent(), pool.book.held, asked], [['a: 1,2'], 2, 2]);
  callWith('1').finish();
  pass();
  told();
  assert.deepEqual([sent(), pool.book.held, asked], [[], 2, 4]);
  hasRoom = true;
  submit('3');
  pass();
  assert.deepEqual([sent(), pool.book.held, asked], [['a: 3'], 2, 4], 'nobody has said that there is room');
  callWith('3').finish();
  pass();
  told();
  assert.deepEqual([sent(), pool.book.held], [['a: first,second'], 0]);
});

test('answers teach how much room the next ones take', (t) => {
  const { submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  const taken: number[] = [];
  const answerRoom = { takeAnswerRoom: (bytes: number) => taken.push(bytes) > 0, releaseAnswerRoom: () => undefined };
  submit('ten bytes.', { bytes: 100, answerRoom });
  pass();
  callWith('ten bytes.').answer(0, { rows: 5 });
  callWith('ten bytes.').end();
  submit('next', { bytes: 60, answerRoom });
  pass();
  assert.deepEqual(taken, [256 * 1024, 3 * 2], 'unknown at first; then three rows of two bytes');
});

test('a run of no rows counts as none', (t) => {
  const { pool, submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  submit('1');
  pass();
  callWith('1').answer(0, { rows: 0 });
  callWith('1').end({ runs: [{ rows: 0, ownRows: 0, queueUs: 0, occupiedUs: 100 }] });
  assert.equal(pool.book.modelQueues.get('m')!.counters.runRows.count, 0);
});

test('a pod whose summary counts a finding of the watch is asked for it, and the other pods are told', (t) => {
  const { submit, pass, sent, callWith, pods } = virtualPool(t, { pods: twoPods });
  submit('1');
  pass();
  const found = { name: 'm', version: '1', reason: 'outputs change with companions' };
  const finder = pods.find(({ uid }) => sent()[0]!.startsWith(uid))!;
  finder.alsoReports = { unbatched: [found] };
  callWith('1').answer(0);
  callWith('1').end({ unbatched: 1 });
  pass(600);
  assert.deepEqual(
    pods.map((pod) => pod.posts.map(({ body }) => body)),
    pods.map((pod) => (pod === finder ? [] : [{ models: [found] }])),
  );
});

test('a pod that refuses an envelope for its secret gets what was in it as plain requests', (t) => {
  const { pool, submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  const requests = ['1', '2'].map((id) => submit(id));
  pass();
  callWith('1').abort('unauthorized');
  pass();
  assert.deepEqual([sent(), callWith('1').kind], [['a: 1', 'a: 2'], 'plain']);
  assert.equal([...pool.endpoints.all][0]!.health.kind, 'serving');
  for (const id of ['1', '2']) callWith(id).finish();
  assert.deepEqual(
    requests.map(({ outcome, pending }) => [outcome, pending!.attempts]),
    requests.map(() => ['200 by pod-a', 1]),
  );
});
