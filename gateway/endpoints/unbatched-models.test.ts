/** Timelines of a finding on its way: from one pod to this gateway, and to every pod that has not heard of it. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { UnbatchedModel } from '../../contract/unbatched.ts';
import { virtualPool, type VirtualPool } from '../testing/virtual-pool.ts';

const found: UnbatchedModel = { name: 'm', version: '1', reason: 'outputs change with companions' };

/** Three pods of a model; `a` is sent a request and answers it, with `summary` at the end. */
function poolOf(t: TestContext) {
  const virtual = virtualPool(t, { pods: { a: ['m'], b: ['m'], foreign: null } });
  return { ...virtual, ...partsOf(virtual) };
}

function partsOf({ pods, submit, pass, callWith, list }: VirtualPool) {
  const [a, b, foreign] = pods as [(typeof pods)[0], (typeof pods)[0], (typeof pods)[0]];
  /** Sends a request to pod a alone, and ends its envelope. */
  const ask = (summary: { unbatched?: number; watching?: boolean }): void => {
    submit('1');
    pass();
    const call = callWith('1');
    call.answer(0);
    call.end(summary);
    pass();
  };
  return { a, b, foreign, ask, only: (...some: typeof pods) => list(...some.map((pod) => pod.listed())) };
}

const acknowledge = (pod: { posts: readonly { handlers: { onAnswer: (answer: never) => void } }[] }, status = 204) =>
  pod.posts.at(-1)!.handlers.onAnswer({ status } as never);

test('a summary that counts a finding makes the gateway read the status, and tell all pods at once', (t) => {
  const { pool, time, a, b, foreign, ask, only, logged } = poolOf(t);
  only(a);
  a.alsoReports = { unbatched: [found] };
  const probes = a.probes;
  time.pass(500);
  ask({ unbatched: 1 });
  only(a, b, foreign);
  time.pass(50);
  assert.equal(a.probes, probes + 1);
  assert.deepEqual(pool.endpoints.unbatched.find(found), found);
  assert.deepEqual([...pool.endpoints.unbatched.all], [found]);
  assert.deepEqual(
    b.posts.map(({ path, body }) => [path, body]),
    [['/v2/unbatched', { models: [found] }]],
  );
  acknowledge(b);
  assert.equal(a.posts.length, 0, 'it is the one that knows');
  assert.equal(foreign.posts.length, 0, 'a foreign server batches nothing of ours');
  const lines = logged().filter(({ msg }) => msg === 'requests are no longer batched');
  assert.deepEqual(
    lines.map(({ level, model, version, podName, unbatchedReason }) => [
      level,
      model,
      version,
      podName,
      unbatchedReason,
    ]),
    [[50, 'm', '1', 'pod-a', found.reason]],
  );
  const probesOfB = b.probes;
  time.pass(5_000);
  assert.deepEqual([a.probes, b.probes], [probes + 1, probesOfB], 'and that is all there is to say');
});

test('a finding that two pods tell is logged once, under the name of the first', (t) => {
  const { pool, time, a, b, only, logged } = poolOf(t);
  a.alsoReports = { unbatched: [found] };
  b.alsoReports = { unbatched: [{ ...found, reason: 'another' }] };
  only();
  time.pass(100);
  only(a);
  time.pass(100);
  only(a, b);
  time.pass(100);
  const told = logged().filter(({ msg }) => msg === 'requests are no longer batched');
  assert.deepEqual(
    told.map(({ podName }) => podName),
    ['pod-a'],
  );
  assert.deepEqual(pool.endpoints.unbatched.find(found), found);
});

test('a pod without findings is never asked', (t) => {
  const { a, ask, only, time } = poolOf(t);
  only(a);
  const probes = a.probes;
  ask({});
  time.pass(60_000);
  assert.equal(a.probes, probes);
});

test('while a sample is not judged the gateway asks every half second, and hears of its end', (t) => {
  const { a, ask, only, time, pool } = poolOf(t);
  only(a);
  time.pass(1_000);
  const probes = a.probes;
  a.alsoReports = { watching: true };
  ask({ watching: true });
  time.pass(499);
  assert.equal(a.probes, probes);
  time.pass(51);
  assert.equal(a.probes, probes + 1);
  time.pass(550);
  assert.equal(a.probes, probes + 2);
  a.alsoReports = { unbatched: [found] };
  time.pass(550);
  assert.deepEqual(pool.endpoints.unbatched.find(found), found);
  const last = a.probes;
  time.pass(5_000);
  assert.equal(a.probes, last);
});

test('a later summary takes the question back', (t) => {
  const { a, ask, only, time } = poolOf(t);
  only(a);
  const probes = a.probes;
  ask({ watching: true });
  time.pass(100);
  ask({});
  time.pass(5_000);
  assert.equal(a.probes, probes);
});

test('a pod that does not answer the question is not ejected for it, and is asked again', (t) => {
  const { a, ask, only, time, pool } = poolOf(t);
  only(a);
  time.pass(1_000);
  const probes = a.probes;
  a.loses = 'hung';
  ask({ unbatched: 1 });
  time.pass(50);
  assert.equal(a.probes, probes + 1);
  assert.equal(pool.endpoints.accepting.size, 1);
  a.loses = undefined;
  a.alsoReports = { unbatched: [found] };
  time.pass(550);
  assert.deepEqual(pool.endpoints.unbatched.find(found), found);
});

test('a pod that says that it is loading has restarted in secret: that is evidence', (t) => {
  const { a, ask, only, time, pool } = poolOf(t);
  only(a);
  time.pass(1_000);
  ask({ unbatched: 1 });
  a.state = 'loading';
  time.pass(50);
  assert.equal(pool.endpoints.accepting.size, 0);
});

test('a pod that joins or comes back is told, and one that knows is not told again', (t) => {
  const { a, b, only, time } = poolOf(t);
  a.alsoReports = { unbatched: [found] };
  only();
  time.pass(100);
  only(a);
  time.pass(100);
  assert.equal(a.posts.length, 0, 'it knows');
  only(a, b);
  time.pass(100);
  assert.equal(b.posts.length, 1);
  acknowledge(b);
  b.alsoReports = { unbatched: [found] };
  only(a);
  time.pass(100);
  only(a, b);
  time.pass(100);
  assert.equal(b.posts.length, 1);
});

test('a pod that lost its memory without a sign is told again: its summary lacks what is known here', (t) => {
  const { a, ask, only, time } = poolOf(t);
  only();
  time.pass(100);
  a.alsoReports = { unbatched: [found] };
  only(a);
  time.pass(1_000);
  ask({ unbatched: 1 });
  time.pass(1_000);
  assert.equal(a.posts.length, 0, 'it knows');
  a.alsoReports = {};
  ask({});
  time.pass(50);
  assert.equal(a.posts.length, 1);
});

test('a notice that is lost, refused or not answered is followed by another look', (t) => {
  for (const fail of ['lost', 'refused', 'silent'] as const) {
    const { a, b, only, time } = poolOf(t);
    only();
    time.pass(100);
    a.alsoReports = { unbatched: [found] };
    only(b);
    time.pass(100);
    only(a, b);
    time.pass(100);
    assert.equal(b.posts.length, 1, fail);
    if (fail === 'lost') b.posts[0]!.handlers.onLost('reset', 'by the test');
    else if (fail === 'refused') acknowledge(b, 503);
    time.pass(2_000);
    const again = b.posts.length - 1;
    assert.ok(again > 0, fail);
    acknowledge(b);
    b.alsoReports = { unbatched: [found] };
    const told = b.posts.length;
    time.pass(5_000);
    assert.equal(b.posts.length, told, fail);
  }
});

test('however often summaries differ, a pod is asked twice a second at most', (t) => {
  const { a, ask, only, time } = poolOf(t);
  only(a);
  time.pass(1_000);
  const probes = a.probes;
  for (let round = 0; round < 100; round += 1) {
    ask({ unbatched: 3 });
    time.pass(20);
  }
  assert.ok(a.probes - probes >= 3 && a.probes - probes <= 5, `${a.probes - probes} in 2 s`);
});

test('one request a run from then on, whatever a pod says that has not been told yet', (t) => {
  const { pool, a, b, only, time } = poolOf(t);
  const modelQueue = pool.book.modelQueues.get('m')!;
  assert.equal(modelQueue.unbatchedReason, null);
  only();
  time.pass(100);
  a.alsoReports = { unbatched: [found] };
  a.changeModel = (model) => ({ ...model, maxRows: 1, unbatchedReason: found.reason });
  only(a);
  time.pass(100);
  assert.equal(modelQueue.maxRows(64), 1);
  only(a, b);
  time.pass(100);
  assert.equal(modelQueue.maxRows(64), 1);
  assert.equal(modelQueue.unbatchedReason, found.reason);
});

test('a version that nothing was found about is batched, and its status says so', (t) => {
  const { pool, a, only, time } = poolOf(t);
  const modelQueue = pool.book.modelQueues.get('m')!;
  only();
  time.pass(100);
  a.alsoReports = { unbatched: [found] };
  a.changeModel = (model) => ({ ...model, version: '2' });
  only(a);
  time.pass(100);
  assert.equal(modelQueue.maxRows(64), 64);
  assert.equal(modelQueue.unbatchedReason, null);
});
