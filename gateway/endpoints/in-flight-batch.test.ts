import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { PendingRequest } from '../queue/model-queue.ts';
import { ModelQueue } from '../queue/model-queue.ts';
import { FakePod } from '../testing/fake-pod.ts';
import { pendingRequest } from '../testing/pending.ts';
import { VirtualTime } from '../testing/virtual-time.ts';
import { Endpoint } from './endpoint.ts';
import { InFlightBatch, type BatchPlan } from './in-flight-batch.ts';

/** Cost l(b) = 10 ms for any number of rows, as far as two samples teach it. */
function knownCost(): ModelQueue {
  const modelQueue = new ModelQueue('m');
  for (let count = 0; count < 200; count += 1) {
    modelQueue.learnRuns(
      [1, 64].map((rows) => ({ rows, ownRows: rows, queueUs: 0, occupiedUs: 10_000 })),
      0,
    );
  }
  return modelQueue;
}

function sender(t: TestContext, modelQueue = knownCost()) {
  const time = new VirtualTime(t);
  const pod = new FakePod('a', ['m']);
  const endpoint = new Endpoint({ uid: 'a', name: 'pod-a' }, pod);
  const told: string[] = [];
  const send = (requests: readonly PendingRequest[], given: Partial<BatchPlan> = {}): InFlightBatch =>
    new InFlightBatch({
      modelQueue,
      endpoint,
      requests,
      plain: false,
      limits: { timeoutMs: 30_000, maxBodyBytes: 60_000_000, idempotent: true },
      clock: time.clock,
      listener: {
        onAnswer: (_batch, { id }, { status }, body, retryAfter) =>
          told.push(`${id}: ${status} ${body.toString()}${retryAfter === undefined ? '' : ` ${retryAfter}`}`),
        onEnd: (batch, summary) =>
          told.push(`end ${summary === null ? 'without summary' : summary.queuedRows} ${batch.allWell}`),
        onStalled: () => told.push('stalled'),
        onLoss: (_batch, unanswered, kind, detail) =>
          told.push(`lost ${unanswered.map(({ id }) => id).join()} ${kind}: ${detail}`),
      },
      ...given,
    });
  return { time, pod, endpoint, send, told: () => told.splice(0) };
}

const one = (given: Partial<PendingRequest> = {}): PendingRequest => pendingRequest({ id: '1', attempts: 1, ...given });
const two = (given: Partial<PendingRequest> = {}): PendingRequest => pendingRequest({ id: '2', attempts: 1, ...given });

test('no pod is late while it waits for this process to take its answer', (t) => {
  const { time, pod, send, told } = sender(t);
  send([one({ deadlineAtMs: 60_000 })]);
  const [call] = pod.calls;
  call!.waitsForRoom = true;
  const { probes } = pod;
  time.pass(10_000);
  assert.deepEqual([told(), pod.probes], [[], probes]);
  call!.waitsForRoom = false;
  pod.state = 'dead';
  time.pass(5_000);
  assert.match(told().join(), /lost 1 hung/);
});

test('answers reach the listener with their requests, in any order, and then the end', (t) => {
  const { pod, endpoint, send, told } = sender(t);
  const modelQueue = knownCost();
  const batch = send([one({ estimatedRows: 2 }), two({ estimatedRows: 3 })], { modelQueue });
  assert.equal(batch.modelQueue, modelQueue);
  assert.deepEqual([batch.work, batch.alone, endpoint.batches], [5, true, [batch]]);
  pod.calls[0]!.answer(1);
  pod.calls[0]!.answer(0, { status: 400 });
  assert.deepEqual(told(), ['2: 200 2', '1: 400 1']);
  pod.calls[0]!.end({ queuedRows: 7 });
  assert.deepEqual([told(), endpoint.batches], [['end 7 true'], []]);
});

test('a batch with an answer of 500 or more went not all well', (t) => {
  const { pod, send, told } = sender(t);
  send([one(), two()]);
  pod.calls[0]!.answer(0);
  pod.calls[0]!.answer(1, { status: 500 });
  pod.calls[0]!.end();
  assert.equal(told().at(-1), 'end 0 false');
});

test('a plain request ends with its answer, and needs no summary', (t) => {
  const { pod, send, told } = sender(t);
  send([one()], { plain: true });
  assert.equal(pod.calls[0]!.kind, 'plain');
  pod.calls[0]!.answer(0, {}, '5');
  pod.calls[0]!.end();
  assert.deepEqual(told(), ['1: 200 1 5', 'end without summary true']);
});

test('a second answer to one request, or an answer to none, is refused', (t) => {
  const { pod, send, told } = sender(t);
  send([one(), two()]);
  pod.calls[0]!.answer(0);
  assert.throws(() => pod.calls[0]!.answer(0), /answer to item 0, which waits for none/);
  const stray = { index: 2, status: 200, contentType: '', rows: 1, run: 0 };
  assert.throws(() => pod.calls[0]!.deliver(stray), /answer to item 2, which waits for none/);
  pod.calls[0]!.abort('garbage');
  assert.deepEqual(told(), ['1: 200 1', 'lost 2 garbage: by the test']);
});

test('an end without a summary, or before all were answered, is a loss', (t) => {
  const { pod, endpoint, send, told } = sender(t);
  send([one(), two()]);
  pod.calls[0]!.answer(1);
  pod.calls[0]!.end();
  assert.deepEqual(told(), ['2: 200 2', 'lost 1 reset: the answer ended with 1 requests unanswered']);
  send([one()]);
  pod.calls[1]!.answer(0);
  pod.calls[1]!.cut();
  assert.deepEqual(told(), ['1: 200 1', 'lost  reset: the answer ended with 0 requests unanswered']);
  assert.deepEqual(endpoint.batches, []);
});

test('a batch behind another is not alone', (t) => {
  const { send } = sender(t);
  send([one()]);
  assert.equal(send([two()]).alone, false);
});

/** @returns after how many milliseconds it was given up */
function timeoutOf(
  t: TestContext,
  requests: readonly PendingRequest[],
  {
    plan = {},
    ahead = 0,
    modelQueue = knownCost(),
  }: { plan?: Partial<BatchPlan>; ahead?: number; modelQueue?: ModelQueue },
): number {
  const { time, pod, send, told } = sender(t, modelQueue);
  pod.loses = 'reset';
  for (let count = 0; count < ahead; count += 1) send([pendingRequest({ id: 'ahead', attempts: 1 })]);
  const sentAtMs = time.nowMs;
  send(requests, plan);
  told();
  while (!pod.calls.at(-1)!.over) {
    time.pass(1);
    assert.ok(time.nowMs < 1_000_000);
  }
  assert.match(
    told().at(-1)!,
    /hung: no answer within \d+ ms, and none of its control port: \/v2\/pod: reset: by the test$/,
  );
  return time.nowMs - sentAtMs;
}

test('a batch is given up after five times the predicted 99th percentile, at least a second', (t) => {
  assert.equal(timeoutOf(t, [one()], {}), 1_000);
  const slow = new ModelQueue('m');
  for (let count = 0; count < 400; count += 1) {
    slow.learnRuns(
      [1, 64].map((rows) => ({ rows, ownRows: rows, queueUs: 0, occupiedUs: 1_000_000 })),
      0,
    );
  }
  const { p99Ratio } = slow.cost;
  const near = (ms: number, expected: number): void => assert.ok(Math.abs(ms - expected) <= 3, `${ms} ≠ ${expected}`);
  near(timeoutOf(t, [one()], { modelQueue: slow }), 5 * p99Ratio * 1_000);
  near(timeoutOf(t, [one()], { modelQueue: slow, ahead: 2 }), 5 * p99Ratio * 3_000);
});

test('rows that wait at the pod for others give it more time', (t) => {
  const linear = new ModelQueue('m');
  for (let count = 0; count < 400; count += 1) {
    linear.learnRuns(
      [1, 64].map((rows) => ({ rows, ownRows: rows, queueUs: 0, occupiedUs: 10_000 * rows })),
      0,
    );
  }
  const { time, pod, endpoint, send } = sender(t, linear);
  pod.queuedRows = 100;
  endpoint.probe(time.clock, () => undefined);
  time.turn();
  send([one()]);
  const expectedMs = 5 * linear.cost.p99Ratio * (10 + 100 * linear.cost.c);
  assert.ok(expectedMs > 4_000);
  pod.loses = 'reset';
  time.pass(expectedMs - 5);
  assert.equal(pod.calls[0]!.over, false);
  time.pass(10);
  assert.equal(pod.calls[0]!.over, true);
});

test('each attempt that a request has behind it doubles the time', (t) => {
  assert.equal(timeoutOf(t, [one({ attempts: 2 })], {}), 2_000);
  assert.equal(timeoutOf(t, [one(), two({ attempts: 3 })], {}), 4_000);
});

test('compressed bodies give a batch the time to inflate them, at most that of the pool', (t) => {
  assert.equal(timeoutOf(t, [one({ contentEncoding: 'gzip' }), two()], {}), 1_000 + 3_000);
  const limits = { timeoutMs: 2_000, maxBodyBytes: 60_000_000, idempotent: true };
  assert.equal(timeoutOf(t, [one({ contentEncoding: 'gzip' })], { plan: { limits } }), 1_000 + 2_000);
});

test('without a known cost, and for plain requests, the time is that of the pool', (t) => {
  assert.equal(timeoutOf(t, [one()], { modelQueue: new ModelQueue('m') }), 30_000);
  assert.equal(timeoutOf(t, [one()], { plan: { plain: true } }), 30_000);
});

test('a pod is free once a batch has taken its time from when it was sent', (t) => {
  const { time, endpoint, send } = sender(t);
  time.pass(500);
  const { predictedMs } = send([one()]);
  assert.equal(endpoint.freeAtLoopMs(0), time.clock.loopMs + predictedMs);
});

test('a pod is not asked for itself until its time has passed since its last answer', (t) => {
  const { time, pod, send } = sender(t);
  pod.alsoReports = { inFlight: 3 };
  send([one(), two()]);
  time.pass(900);
  pod.calls[0]!.answer(0);
  time.pass(990);
  assert.equal(pod.probes, 0);
  time.pass(20);
  assert.equal(pod.probes, 1);
});

test('each answer starts the time again, and the end stops it', (t) => {
  const { time, pod, send, told } = sender(t);
  send([one(), two()]);
  time.pass(900);
  pod.calls[0]!.answer(0);
  time.pass(990);
  assert.equal(pod.calls[0]!.over, false);
  pod.calls[0]!.answer(1);
  pod.calls[0]!.end();
  told();
  assert.equal(time.timers, 0);
  time.pass(10_000);
  assert.deepEqual(told(), []);
});

test('a batch that is given up by others is lost', (t) => {
  const { send, told, endpoint, time } = sender(t);
  send([one()]).abort('hung', 'as its neighbour');
  assert.deepEqual([told(), endpoint.batches, time.timers], [['lost 1 hung: as its neighbour'], [], 0]);
});

test('a model with a transform has the time that its pods say it may take', (t) => {
  const modelQueue = knownCost();
  modelQueue.learnWarmup({ maxRows: 64, warmup: [], transformMs: 6_000 });
  const { time, pod, send, told } = sender(t, modelQueue);
  pod.loses = 'reset';
  send([one()]);
  for (let passedMs = 0; passedMs < 6_900; passedMs += 1) time.pass(1);
  assert.deepEqual(told(), []);
  for (let passedMs = 0; passedMs < 200; passedMs += 1) time.pass(1);
  assert.match(told().join(), /^lost 1 hung: no answer within 7000 ms/);
});

/** Lets a second pass in small steps, since a question to the pod takes a turn. */
function passSeconds(time: VirtualTime, seconds: number): void {
  for (let step = 0; step < seconds * 100; step += 1) time.pass(10);
}

test('a pod whose control port is silent too is hung', (t) => {
  const { time, pod, send, told } = sender(t);
  send([one()]);
  pod.state = 'dead';
  passSeconds(time, 1.9);
  assert.deepEqual(told(), []);
  passSeconds(time, 0.2);
  assert.match(
    told().join(),
    /^lost 1 hung: no answer within 1000 ms, and none of its control port: .*no answer in 1000 ms$/,
  );
});

test('a pod that answers for itself is not hung: what it has of others too is moved', (t) => {
  const { time, pod, send, told } = sender(t);
  pod.alsoReports = { inFlight: 3 };
  send([one(), two()]);
  passSeconds(time, 1.1);
  assert.deepEqual(told(), ['lost 1,2 overdue: no answer within 1000 ms of a pod that is alive']);
  assert.equal(time.timers, 0);
});

test('a pod that was told to go is waited for as long as it answers for itself, and no longer', (t) => {
  const { time, pod, send, told } = sender(t);
  pod.state = 'draining';
  pod.alsoReports = { inFlight: 1 };
  send([one({ deadlineAtMs: 60_000 })]);
  passSeconds(time, 20);
  assert.deepEqual(told(), ['stalled']);
  pod.state = 'dead';
  passSeconds(time, 2.1);
  assert.match(told().join(), /^lost 1 hung: /);
});

test('a request that the pod works on alone is waited for, and nothing more is sent there meanwhile', (t) => {
  const { time, pod, endpoint, send, told } = sender(t);
  endpoint.probe(time.clock, () => undefined);
  time.turn();
  const health = {
    config: { ejectAfterFailures: 3, maxEjectedRatio: 0.5 },
    pool: { members: 2, softEjected: 0, irreplaceable: false },
  };
  endpoint.recordEvidence({ kind: 'probe-ok' }, null, { ...health, nowMs: time.nowMs });
  pod.alsoReports = { inFlight: 1 };
  send([one({ deadlineAtMs: time.nowMs + 9_500 })]);
  assert.equal(endpoint.freeSlots(false, time.nowMs), 1);
  passSeconds(time, 5.5);
  assert.deepEqual([told(), endpoint.stalled, endpoint.freeSlots(false, time.nowMs)], [['stalled'], true, 0]);
  pod.calls[0]!.finish();
  assert.deepEqual(
    [told(), endpoint.stalled, endpoint.freeSlots(false, time.nowMs)],
    [['1: 200 1', 'end 0 true'], false, 2],
  );
  assert.equal(time.timers, 0);
});

test('a batch is given up a while after its last deadline', (t) => {
  const { time, pod, send, told } = sender(t);
  pod.alsoReports = { inFlight: 1 };
  send([one({ deadlineAtMs: time.nowMs + 3_500 })]);
  passSeconds(time, 4.4);
  assert.deepEqual(told(), ['stalled']);
  passSeconds(time, 1);
  assert.match(told().join(), /^lost 1 overdue/);
});

test('a body that the pod is reading is waited for, and the pod gets other work', (t) => {
  const { time, pod, endpoint, send, told } = sender(t);
  pod.alsoReports = { inFlight: 7, reading: 1 };
  send([one({ deadlineAtMs: time.nowMs + 60_000 }), two({ deadlineAtMs: time.nowMs + 60_000 })]);
  passSeconds(time, 5.5);
  assert.deepEqual([told(), endpoint.stalled], [[], false]);
  pod.calls[0]!.finish();
  assert.equal(time.timers, 0);
});

test('an answer that comes while the pod is asked starts the time again', (t) => {
  const { time, pod, send, told } = sender(t);
  pod.alsoReports = { inFlight: 3 };
  send([one(), two()]);
  pod.state = 'dead';
  passSeconds(time, 1.5);
  pod.calls[0]!.answer(0);
  told();
  passSeconds(time, 1);
  assert.match(told().join(), /hung/, 'asked at 1 s, without an answer until 2 s');
});

/** Lets something happen before the pod answers the next question for its status. */
function whileAsked(t: TestContext, pod: FakePod, happen: () => void): void {
  const get = pod.get.bind(pod);
  const mock = t.mock.method(pod, 'get', (...parameters: Parameters<typeof get>) => {
    mock.mock.restore();
    setImmediate(happen);
    return get(...parameters);
  });
}

test('a batch that ends while the pod is asked has ended, whatever the pod says then', (t) => {
  const { time, pod, send, told } = sender(t);
  pod.alsoReports = { inFlight: 1 };
  send([one()]);
  whileAsked(t, pod, () => pod.calls[0]!.finish());
  passSeconds(time, 1.1);
  assert.deepEqual([told(), pod.probes, time.timers], [['1: 200 1', 'end 0 true'], 1, 0]);
  passSeconds(time, 10);
  assert.deepEqual([told(), pod.probes], [[], 1]);
});

test('after an answer that comes while the pod is asked, what is left has the whole time again, and no more', (t) => {
  const { time, pod, send, told } = sender(t);
  pod.alsoReports = { inFlight: 3 };
  send([one(), two()]);
  whileAsked(t, pod, () => pod.calls[0]!.answer(0));
  passSeconds(time, 1.9);
  assert.deepEqual(told(), ['1: 200 1']);
  passSeconds(time, 0.2);
  assert.deepEqual(told(), ['lost 2 overdue: no answer within 1000 ms of a pod that is alive']);
});

test('what has been answered counts no more when a batch is overdue: neither its attempts nor its deadline', (t) => {
  const late = sender(t);
  late.pod.alsoReports = { inFlight: 1 };
  late.send([one({ deadlineAtMs: 1e6 }), two({ deadlineAtMs: 2_000 })]);
  late.pod.calls[0]!.answer(0);
  passSeconds(late.time, 2.5);
  assert.deepEqual(late.told(), ['1: 200 1', 'stalled'], 'at 3000 ms, a second after its deadline, it is not late yet');
  passSeconds(late.time, 1);
  assert.deepEqual(late.told(), ['lost 2 overdue: no answer within 1000 ms of a pod that is alive']);
  const tried = sender(t);
  tried.pod.alsoReports = { inFlight: 3 };
  tried.send([one({ attempts: 3, deadlineAtMs: 1e6 }), two({ deadlineAtMs: 1e6 })]);
  tried.pod.calls[0]!.answer(0);
  passSeconds(tried.time, 4.1);
  assert.deepEqual(tried.told(), ['1: 200 1', 'lost 2 overdue: no answer within 4000 ms of a pod that is alive']);
});

test('a request that was moved three times waits, and its batch with it', (t) => {
  const { time, pod, send, told } = sender(t);
  pod.alsoReports = { inFlight: 3 };
  send([one({ attempts: 3, deadlineAtMs: 1e6 }), two({ deadlineAtMs: 1e6 })]);
  passSeconds(time, 20);
  assert.deepEqual(told(), ['stalled']);
});
