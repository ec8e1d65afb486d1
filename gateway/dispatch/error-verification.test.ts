import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { FakePod } from '../testing/fake-pod.ts';
import { virtualPool, type VirtualPoolOptions } from '../testing/virtual-pool.ts';

/** A request that pod `a` has answered 500. Pod `b` was listed afterwards. */
function answered500(t: TestContext, options: Partial<VirtualPoolOptions> = {}) {
  const virtual = virtualPool(t, { pods: { a: ['m'], b: ['m'] }, ...options });
  const { list, pods, submit, pass, callWith, pool } = virtual;
  list(pods[0]!.listed());
  const request = submit('1', { timeoutMs: 1_000 });
  pass();
  list(...pods.map((pod) => pod.listed()));
  pass();
  callWith('1').finish(500);
  const endpointOf = (uid: string) => [...pool.endpoints.all].find((endpoint) => endpoint.uid === uid)!;
  return { ...virtual, request, endpointOf };
}

test('a second pod answers well: the client gets that answer, and the first pod is blamed', (t) => {
  const { request, pass, sent, callWith, endpointOf, pool } = answered500(t);
  assert.deepEqual([request.outcome, pool.book.waitingAlone], [undefined, 1]);
  pass();
  assert.deepEqual([sent(), pool.book.waitingAlone], [['b: 1'], 0]);
  callWith('1').finish();
  assert.equal(request.outcome, '200 by pod-b');
  assert.equal(endpointOf('a').detail, 'error-answers: answered 5xx where another pod answered 200');
  assert.deepEqual([endpointOf('a').failures, endpointOf('b').failures], [1, 0]);
  assert.equal(pool.book.modelQueues.get('m')!.counters.retries['error-answers'], 1);
});

test('a second pod is asked at once, while the first is still at work on the rest of the batch', (t) => {
  const { submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  for (const id of ['1', '2']) submit(id);
  pass();
  const [first] = sent();
  callWith('1').answer(0, { status: 500 });
  pass();
  const second = first!.startsWith('a') ? 'b: 1' : 'a: 1';
  assert.deepEqual(sent().toSorted(), [first, second].toSorted());
});

test('a client error by the second pod is good enough to blame the first', (t) => {
  const { request, pass, callWith, endpointOf } = answered500(t);
  pass();
  callWith('1').finish(400);
  assert.deepEqual([request.outcome, endpointOf('a').failures], ['400 by pod-b', 1]);
});

test('a second pod fails too: its answer is given, and nobody is blamed', (t) => {
  const { request, pass, callWith, endpointOf, sent } = answered500(t);
  pass();
  callWith('1').finish(502);
  pass();
  assert.deepEqual([request.outcome, sent()], ['502 by pod-b', []], 'no third opinion');
  assert.deepEqual([endpointOf('a').failures, endpointOf('b').failures], [0, 0]);
});

for (const kind of ['reset', 'refused', 'hung', 'garbage', 'busy'] as const) {
  test(`the first answer stands when the second pod is lost (${kind})`, (t) => {
    const { request, pass, callWith, sent, pool } = answered500(t);
    pass();
    callWith('1').abort(kind);
    pass();
    assert.deepEqual([request.outcome, sent(), pool.book.waitingAlone], ['500 by pod-a', [], 0]);
  });
}

test('the first answer stands when the second pod does not execute it', (t) => {
  const { request, pass, callWith } = answered500(t);
  pass();
  callWith('1').answer(0, { status: 503, busy: true });
  assert.equal(request.outcome, '500 by pod-a');
});

test('the first answer stands when the deadline passes before the second', (t) => {
  const { request, pass, callWith } = answered500(t);
  pass(1_010);
  assert.equal(request.outcome, '500 by pod-a');
  callWith('1').finish();
  assert.equal(request.outcome, '500 by pod-a', 'settled once');
});

test('the first answer stands when no second pod is left', (t) => {
  const { request, pass, list, pods, sent } = answered500(t);
  list(pods[0]!.listed());
  pass();
  assert.deepEqual([request.outcome, sent()], ['500 by pod-a', []]);
});

test('the first answer stands when the model leaves the pool', (t) => {
  const { request, configure, pool } = answered500(t);
  configure({ models: ['n'] });
  assert.deepEqual([request.outcome, pool.book.waitingAlone], ['500 by pod-a', 0]);
});

test('a request waits for a second pod that has no slot now', (t) => {
  const { submit, pass, list, pods, callWith, sent, pool } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  list(pods[1]!.listed());
  for (const id of ['busy', 'busy too']) {
    submit(id);
    pass();
  }
  list(...pods.map((pod) => pod.listed()));
  pass();
  const request = submit('1');
  pass();
  assert.deepEqual(sent(), ['a: 1', 'b: busy', 'b: busy too']);
  callWith('1').finish(500);
  pass(100);
  assert.deepEqual([request.outcome, pool.book.waitingAlone], [undefined, 1]);
  assert.deepEqual(sent(), ['b: busy', 'b: busy too']);
  callWith('busy').finish();
  pass();
  assert.deepEqual([sent(), pool.book.waitingAlone], [['b: busy too', 'b: 1'], 0]);
});

test('a gateway that has just started: a burst at a pod that fails is answered well', (t) => {
  const { submit, pass, list, pods } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  list(pods[0]!.listed());
  const requests = Array.from({ length: 32 }, (_, index) => submit(String(index), { timeoutMs: 1_000 }));
  pass();
  list(...pods.map((pod) => pod.listed()));
  pass();
  const [sick, well] = pods;
  for (let round = 0; round < 100 && requests.some(({ outcome }) => outcome === undefined); round += 1) {
    for (const call of sick!.open) call.finish(500);
    for (const call of well!.open) call.finish();
    pass();
  }
  assert.deepEqual(new Set(requests.map(({ outcome }) => outcome)), new Set(['200 by pod-b']));
});

test('an error is given to the client at once without a pod to compare with', (t) => {
  const { submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'], b: ['n'] }, models: ['m', 'n'] });
  const request = submit('1');
  pass();
  callWith('1').finish(500);
  assert.equal(request.outcome, '500 by pod-a');
});

test('an error is given to the client at once in a pool that must not repeat', (t) => {
  const { request } = answered500(t, { spec: { requests: { idempotent: false } } });
  assert.equal(request.outcome, '500 by pod-a');
});

test('a deadline that passed at the pod is no error of the pod, nor is a client error', (t) => {
  for (const status of [504, 499]) {
    const { submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
    const request = submit('1');
    pass();
    callWith('1').finish(status);
    assert.match(request.outcome!, new RegExp(`^${status} by`));
  }
});

test('an answer to a client that has gone is not verified', (t) => {
  const { pool, submit, pass, callWith, sent } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  const request = submit('1');
  pass();
  pool.book.cancel(request.pending!);
  callWith('1').finish(500);
  pass();
  assert.deepEqual([sent(), pool.book.waitingAlone], [[], 0]);
});

test('a client that goes while a second pod is looked for ends it', (t) => {
  const { request, pool, pass, sent } = answered500(t);
  pool.book.cancel(request.pending!);
  pass();
  assert.deepEqual([sent(), pool.book.waitingAlone, request.outcome], [[], 0, undefined]);
});

test('the pod that is reserved for isolated requests is no second pod', (t) => {
  const { pool, submit, pass, list, pods, callWith, sent } = virtualPool(t, { pods: { a: ['m'], b: ['m'], c: ['m'] } });
  list(pods[2]!.listed());
  submit('lost');
  pass();
  list(pods[0]!.listed());
  pass();
  submit('wrong');
  pass();
  list(pods[0]!.listed(), pods[1]!.listed());
  pass();
  callWith('lost').abort('reset');
  pass();
  assert.deepEqual(sent(), ['a: wrong', 'b: lost']);
  callWith('wrong').finish(500);
  pass();
  assert.deepEqual([sent(), pool.book.waitingAlone], [['b: lost'], 1]);
  callWith('lost').finish();
  pass();
  assert.deepEqual([sent(), pool.book.waitingAlone], [['b: wrong'], 0]);
});

test('a model that fails everywhere is given a hundred second opinions, then one for each five answers', (t) => {
  const warmup = [
    { rows: 1, occupiedUs: 1_000 },
    { rows: 64, occupiedUs: 2_000 },
  ];
  const prepare = (pod: FakePod): void => void (pod.warmup = warmup);
  const { submit, pass, pods, pool } = virtualPool(t, { pods: { a: ['m'], b: ['m'] }, prepare });
  const { counters } = pool.book.modelQueues.get('m')!;
  const failAll = (requests: number): number => {
    const before = counters.retries['error-answers'];
    const submitted = Array.from({ length: requests }, (_, index) => submit(`r${index}`));
    pass();
    for (let open = pods.flatMap((pod) => pod.open); open.length > 0; open = pods.flatMap((pod) => pod.open)) {
      for (const call of open) call.finish(500);
      pass();
    }
    for (const { outcome } of submitted) assert.match(outcome!, /^500 by/);
    return counters.retries['error-answers'] - before;
  };
  const failSingly = (requests: number): number => {
    let opinions = 0;
    for (let request = 0; request < requests; request += 1) opinions += failAll(1);
    return opinions;
  };
  assert.equal(failAll(100), 100);
  // A hundred requests and as many second opinions were answered, of which each five have earned one.
  assert.equal(failSingly(40), 40);
  failSingly(60);
  const opinions = failSingly(400);
  assert.ok(opinions > 95 && opinions < 105, `${opinions} of 400`);
  assert.equal(pool.book.queued + pool.book.waitingAlone, 0);
});
