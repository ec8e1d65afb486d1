import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { ModelPool } from '../../contract/model-pool.ts';
import { predictRequest } from '../testing/pending.ts';
import { refusalOf } from '../testing/refusal.ts';
import { specOf } from '../testing/virtual-pool.ts';
import { VirtualTime } from '../testing/virtual-time.ts';
import type { PendingRequest } from './model-queue.ts';
import { RequestBook } from './request-book.ts';
import type { RequestOutcome } from './request.ts';

const oneRow = { rows: 1, work: 1, rowElements: 0, shape: 0 };

function bookOf(
  t: TestContext,
  { models = ['m', 'n'], ...given }: Record<string, unknown> & { models?: string[] } = {},
) {
  const time = new VirtualTime(t);
  let { spec }: Pick<ModelPool, 'spec'> = specOf(models, given);
  const book = new RequestBook({ pool: 'pool', spec: () => spec, now: () => time.nowMs });
  book.configure(spec.models);
  const queueOf = (model: string) => book.modelQueues.get(model)!;
  const outcomes = new Map<string, string[]>();
  const open = (id: string, { model = 'm', bytes = 10, timeoutMs = 1_000, priority = 5 } = {}): PendingRequest => {
    const told: string[] = [];
    outcomes.set(id, told);
    const settle = (outcome: RequestOutcome): void => void told.push(textOf(outcome));
    const times = { arrivedAtMs: time.nowMs, deadlineAtMs: time.nowMs + timeoutMs };
    return book.open(queueOf(model), predictRequest({ id, model, bytes, priority, ...times, settle }), oneRow, null);
  };
  return {
    book,
    time,
    open,
    queueOf,
    told: (id: string) => outcomes.get(id)!.join(' and '),
    configure: (changed: string[]) => {
      ({ spec } = specOf(changed, given));
      book.configure(changed);
    },
  };
}

function textOf(outcome: RequestOutcome): string {
  return outcome.kind === 'answer' ? String(outcome.status) : `${outcome.error.code}: ${outcome.error.message}`;
}

function answer(status = 200): RequestOutcome {
  return {
    kind: 'answer',
    status,
    contentType: 'text/plain',
    inferenceHeaderLength: undefined,
    retryAfter: undefined,
    body: Buffer.alloc(0),
    pod: 'pod-a',
    runRows: undefined,
  };
}

test('whatever happens to requests, the counts are those of the requests that wait, and each is settled once', (t) => {
  const step = fc.record({
    what: fc.constantFrom(
      'open',
      'open',
      'open',
      'dequeue',
      'enqueue',
      'isolate',
      'take isolated',
      'verify',
      'resend',
      'answer',
      'cancel',
      'expire',
      'pass',
    ),
    model: fc.constantFrom('m', 'n'),
    pick: fc.nat(),
    bytes: fc.nat(50),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const { book, open, queueOf, time, told } = bookOf(t);
      const all: PendingRequest[] = [];
      const inState = (state: PendingRequest['state']): PendingRequest[] => all.filter((one) => one.state === state);
      for (const { what, model, pick, bytes } of steps) {
        const sent = inState('sent');
        const one = sent[pick % sent.length];
        const any = all[pick % all.length];
        if (what === 'open') all.push(open(`r${all.length}`, { model, bytes, timeoutMs: 50 + (pick % 500) }));
        else if (what === 'dequeue') book.dequeue(queueOf(model));
        else if (what === 'take isolated') book.takeIsolated();
        else if (what === 'pass') time.pass(pick % 60);
        else if (what === 'enqueue' && one !== undefined) book.enqueue(one);
        else if (what === 'isolate' && one !== undefined) book.isolate(one);
        else if (what === 'verify' && one !== undefined) book.verify(one, 'a', answer(500));
        else if (what === 'resend') for (const waiting of book.verifying) book.resend(waiting);
        else if (what === 'answer' && any !== undefined) book.answer(any, answer());
        else if (what === 'cancel' && any !== undefined) book.cancel(any);
        else if (what === 'expire' && any !== undefined) book.expire(any);

        const queued = inState('queued');
        assert.equal(book.queued, queued.length);
        assert.equal(book.queuedBytes, sum(queued));
        assert.equal(book.isolated, inState('isolated').length);
        assert.equal(book.waitingAlone, inState('isolated').length + inState('verifying').length);
        const models = new Set(queued.map((request) => request.modelQueue));
        assert.equal(book.waitingModels, models.size);
        for (const name of ['m', 'n']) {
          const here = queued.filter((request) => request.model === name);
          assert.deepEqual([queueOf(name).size, queueOf(name).bytes], [here.length, sum(here)]);
        }
        assert.equal(
          book.oldestMs(time.nowMs),
          Math.max(0, ...queued.map((request) => time.nowMs - request.arrivedAtMs)),
        );
      }
      time.pass(1_000);
      assert.equal(inState('settled').length, all.length);
      assert.deepEqual([book.queued, book.queuedBytes, book.waitingAlone, book.waitingModels], [0, 0, 0, 0]);
      assert.equal(time.timers, 0, 'no deadline is watched any more');
      for (const [index] of all.entries()) assert.ok(!told(`r${index}`).includes(' and '), told(`r${index}`));
    }),
    { numRuns: 60 },
  );
});

const sum = (requests: readonly PendingRequest[]): number => requests.reduce((total, { bytes }) => total + bytes, 0);

test('requests leave in the order of the queue, and are sent from then on', (t) => {
  const { book, open, queueOf } = bookOf(t);
  open('later', { timeoutMs: 900 });
  open('first', { timeoutMs: 100 });
  open('high', { priority: 1 });
  const left = [1, 2, 3, 4].map(() => book.dequeue(queueOf('m')));
  assert.deepEqual(
    left.map((request) => [request?.id, request?.state]),
    [
      ['high', 'sent'],
      ['first', 'sent'],
      ['later', 'sent'],
      [undefined, undefined],
    ],
  );
});

test('the model that goes first is the one whose next request precedes those of the others', (t) => {
  const { book, open, queueOf } = bookOf(t, { models: ['m', 'n', 'o'] });
  const first = (...except: string[]) => book.firstModel(new Set(except.map(queueOf)))?.model;
  assert.equal(first(), undefined);
  open('1', { model: 'm', timeoutMs: 500 });
  open('2', { model: 'n', timeoutMs: 300 });
  open('3', { model: 'o', timeoutMs: 900 });
  assert.deepEqual([first(), first('n'), first('n', 'm'), first('n', 'm', 'o')], ['n', 'm', 'o', undefined]);
  open('4', { model: 'o', priority: 1 });
  assert.equal(first(), 'o');
  book.dequeue(queueOf('o'));
  assert.equal(first(), 'n');
});

test('requests of equal rank leave in the order in which they came', (t) => {
  const { book, open, queueOf } = bookOf(t);
  for (const id of ['1', '2', '3']) open(id);
  assert.deepEqual(
    [1, 2, 3].map(() => book.dequeue(queueOf('m'))?.id),
    ['1', '2', '3'],
  );
});

test('a settled request gives its body back, though a queue may keep it for a while', (t) => {
  const { book, open } = bookOf(t);
  const request = open('1');
  request.body = [Buffer.alloc(10)];
  book.cancel(request);
  assert.deepEqual([request.body, request.state], [[], 'settled']);
});

test('an answer that nobody waits for any more gives its memory back, another keeps it for its client', (t) => {
  const { book, open } = bookOf(t);
  const [gone, waiting] = [open('gone'), open('waiting')];
  book.cancel(gone);
  const bodies = [gone, waiting].map((request) => {
    const body = Buffer.alloc(300_000);
    book.answer(request, { ...(answer() as RequestOutcome & { kind: 'answer' }), body });
    return body.length;
  });
  assert.deepEqual(bodies, [0, 300_000]);
});

test('outcomes are counted by their kind, with the time that they took', (t) => {
  const { book, open, queueOf, time, told } = bookOf(t);
  for (const status of [200, 399, 400, 499, 503, 504, 500, 502]) {
    const request = open(`${status}`);
    time.pass(10);
    book.answer(request, answer(status));
    assert.equal(told(`${status}`), `${status}`);
  }
  book.cancel(open('cancelled'));
  const { counters } = queueOf('m');
  assert.deepEqual(
    (['ok', 'client-error', 'shed', 'timeout', 'failed', 'cancelled'] as const).map((kind) => {
      const { count, sum } = counters.duration(kind);
      return [kind, count, Math.round(sum * 1_000)];
    }),
    [
      ['ok', 2, 20],
      ['client-error', 2, 20],
      ['shed', 1, 10],
      ['timeout', 1, 10],
      ['failed', 2, 20],
      ['cancelled', 1, 0],
    ],
  );
  assert.equal(told('cancelled'), '');
});

test('good answers are late beyond the objective, bad ones never', (t) => {
  const { book, open, queueOf, time } = bookOf(t, { objective: { latencyMs: 50 } });
  const requests = ['1', '2', '3', '4'].map((id) => open(id));
  time.pass(50);
  book.answer(requests[0]!, answer());
  assert.equal(queueOf('m').counters.plain.late, 0);
  time.pass(1);
  book.answer(requests[1]!, answer());
  book.answer(requests[2]!, answer(400));
  book.answer(requests[3]!, answer());
  assert.equal(queueOf('m').counters.plain.late, 2);
});

test('a request expires where it stands: in the queue, isolated, with a pod', (t) => {
  const { book, open, queueOf, time, told } = bookOf(t);
  open('sent', { timeoutMs: 100 });
  book.dequeue(queueOf('m'));
  open('isolated', { timeoutMs: 100 });
  book.isolate(book.dequeue(queueOf('m'))!);
  open('queued', { timeoutMs: 100 });
  time.pass(110);
  const text = 'deadline-exceeded: no answer within the deadline: 100 ms have passed, the last of them';
  assert.equal(told('queued'), `${text} in the queue`);
  assert.equal(told('isolated'), `${text} in the queue`);
  assert.equal(told('sent'), `${text} with a pod`);
});

test('a request with an error to verify expires with that error', (t) => {
  const { book, open, queueOf, time, told } = bookOf(t);
  open('1', { timeoutMs: 100 });
  book.verify(book.dequeue(queueOf('m'))!, 'a', answer(502));
  time.pass(200);
  assert.equal(told('1'), '502');
});

test('room for bodies: refused beyond the limit of one body, or of the pool with what arrives', (t) => {
  const { book, open, queueOf } = bookOf(t, { requests: { maxBodyBytes: 100, maxQueuedBytes: 250 } });
  const place = { modelQueue: queueOf('m'), level: 5 };
  const check = (announced: number) => () => book.room.check(place, announced);
  const reserve = (bodyBytes: number, more: number) => () => book.room.reserve(place, bodyBytes, more);
  assert.equal(refusalOf(check(101)).message, 'body of 101 bytes is over the limit of 100 bytes');
  assert.equal(refusalOf(reserve(101, 41)).message, 'body of 101 bytes and more is over the limit of 100 bytes');
  assert.equal(refusalOf(check(101)).code, 'body-too-large');
  check(100)();
  check(100)();
  check(100)();
  open('1', { bytes: 60 });
  reserve(100, 100)();
  reserve(90, 90)();
  const full = refusalOf(reserve(1, 1));
  assert.deepEqual([full.code, full.retryAfterSeconds], ['queue-full', 1]);
  assert.equal(
    full.message,
    "the queue of pool 'pool' is full: it holds 1 request (60 bytes) and 190 bytes of arriving bodies, of at most 10000 requests and 250 bytes",
  );
  const { counters } = queueOf('m');
  assert.deepEqual([counters.plain.arrivals, counters.shed['queue-full'], counters.duration('shed').count], [1, 1, 1]);
  assert.equal(refusalOf(check(1)).code, 'queue-full');
  book.room.release(1);
  reserve(1, 1)();
  book.room.release(190);
  reserve(100, 100)();
  assert.equal(refusalOf(reserve(101, 1)).code, 'body-too-large');
});

test('in a full queue the model with most requests of the largest level gives up one, which is told why and counted', (t) => {
  const { book, open, queueOf, told } = bookOf(t, { requests: { maxQueued: 18 } });
  for (let index = 0; index < 7; index += 1) open(`m${index}`, { model: 'm', priority: 9 });
  for (let index = 0; index < 11; index += 1) open(`n${index}`, { model: 'n', priority: 9 });
  assert.equal(book.room.make(1, 10), true);
  assert.deepEqual([book.queued, queueOf('m').size, queueOf('n').size], [17, 7, 10]);
  assert.deepEqual([queueOf('m').counters.shed['queue-full'], queueOf('n').counters.shed['queue-full']], [0, 1]);
  const gone = Array.from({ length: 11 }, (_, index) => told(`n${index}`)).filter((text) => text !== '');
  assert.deepEqual(gone, [
    "queue-full: the queue of pool 'pool' is full, and requests of priority 9 gave way to a level that holds less than its share",
  ]);
});

test('refusals are counted, and say why', (t) => {
  const { book, open, queueOf } = bookOf(t);
  const modelQueue = queueOf('m');
  open('1', { bytes: 7 });
  const full = book.room.refuse(modelQueue, 'queue-full', 3);
  assert.deepEqual(
    [full.code, full.message, full.retryAfterSeconds],
    [
      'queue-full',
      "the queue of pool 'pool' is full: it holds 1 request (7 bytes), of at most 10000 requests and 268435456 bytes",
      3,
    ],
  );
  const late = book.room.refuse(modelQueue, 'overloaded', 2);
  assert.deepEqual(
    [late.code, late.message, late.retryAfterSeconds],
    ['overloaded', "the wait for model 'm' is predicted to be longer than its objective or deadline allows", 2],
  );
  const unserved = book.room.refuseUnserved(modelQueue, 'p-1: no such file');
  assert.deepEqual(
    [unserved.code, unserved.message, unserved.retryAfterSeconds],
    ['model-not-ready', "model 'm' is not ready: no pod of pool 'pool' serves it (p-1: no such file)", 5],
  );
  assert.deepEqual(modelQueue.counters.shed, { 'queue-full': 1, overloaded: 1, 'no-pod': 1 });
  assert.equal(modelQueue.counters.duration('shed').count, 3);
});

test('a model that leaves: 404 for what waits, the error that it has for what is verified, and counts remain', (t) => {
  const { book, open, queueOf, told, configure } = bookOf(t);
  const m = queueOf('m');
  const removed = "model-not-found: model 'm' has left pool 'pool'";
  const sent = open('sent');
  book.dequeue(m);
  open('isolated');
  book.isolate(book.dequeue(m)!);
  open('verified');
  book.verify(book.dequeue(m)!, 'a', answer(500));
  open('queued');
  open('other', { model: 'n' });
  configure(['n', 'o']);
  assert.deepEqual([told('queued'), told('isolated'), told('verified')], [removed, removed, '500']);
  assert.deepEqual([told('sent'), told('other')], ['', '']);
  assert.deepEqual([book.serves(m), book.serves(queueOf('n')), book.queued], [false, true, 1]);
  assert.deepEqual([...book.modelQueues.keys()], ['n', 'o']);
  book.enqueue(sent);
  assert.equal(told('sent'), removed);
  const again = open('again', { model: 'n' });
  book.dequeue(queueOf('n'));
  configure(['o']);
  book.isolate(again);
  assert.equal(told('again'), "model-not-found: model 'n' has left pool 'pool'");
  assert.equal(book.totals().duration('client-error').count, 2, 'those that were settled when it left');
});

test('a model that comes back has a new queue', (t) => {
  const { book, queueOf, configure } = bookOf(t);
  const former = queueOf('m');
  configure(['n']);
  configure(['n', 'm']);
  assert.notEqual(queueOf('m'), former);
  assert.equal(book.serves(former), false);
});

test('totals add the models up', (t) => {
  const { book, queueOf } = bookOf(t);
  queueOf('m').counters.plain.arrivals = 2;
  queueOf('n').counters.plain.arrivals = 3;
  assert.equal(book.totals().plain.arrivals, 5);
});

test('what has waited too long for a pod is refused: all without pods, else what no pod serves', (t) => {
  const { book, open, time, told, queueOf } = bookOf(t, { requests: { coldStartHoldMs: 300 } });
  open('m1', { model: 'm' });
  open('n1', { model: 'n' });
  time.pass(299);
  open('m2', { model: 'm' });
  book.shedUnserved(true, () => false);
  assert.deepEqual([told('m1'), told('n1')], ['', '']);
  time.pass(1);
  book.shedUnserved(false, ({ model }) => model === 'n');
  assert.equal(told('n1'), "no-pod: no pod of pool 'pool' that serves model 'n' became ready within 300 ms");
  assert.equal(told('m1'), '');
  book.shedUnserved(true, () => false);
  assert.equal(told('m1'), "no-pod: no pod of pool 'pool' became ready within 300 ms");
  assert.equal(told('m2'), '');
  assert.deepEqual([queueOf('m').counters.shed['no-pod'], queueOf('n').counters.shed['no-pod']], [1, 1]);
  assert.equal(queueOf('m').counters.duration('shed').count, 1);
});

test('what waits for a model that is unloaded is refused at once', (t) => {
  const { book, open, told, queueOf } = bookOf(t, { requests: { coldStartHoldMs: 300 } });
  open('m1', { model: 'm' });
  open('n1', { model: 'n' });
  book.shedUnserved(
    false,
    () => false,
    (model) => model === 'm',
  );
  assert.match(told('m1'), /unloaded by request/);
  assert.equal(told('n1'), '');
  assert.deepEqual([queueOf('m').counters.shed['no-pod'], queueOf('n').counters.shed['no-pod']], [1, 0]);
});

test('requests with a pod are counted by model', (t) => {
  const { book, queueOf } = bookOf(t);
  book.onBatchSent(queueOf('m'), 3);
  book.onBatchSent(queueOf('m'), 2);
  book.onBatchReturned(queueOf('m'), 3);
  assert.deepEqual([queueOf('m').inFlight, queueOf('n').inFlight], [2, 0]);
});

test('closed, nothing expires any more', (t) => {
  const { book, open, time, told, queueOf } = bookOf(t);
  open('1', { timeoutMs: 100 });
  open('2', { timeoutMs: 100 });
  book.dequeue(queueOf('m'));
  book.close();
  time.pass(500);
  assert.deepEqual([told('1'), told('2')], ['', '']);
  assert.equal(time.timers, 0);
});

test('the trace of a request follows it, and ends with its answer or its client', (t) => {
  const { book, queueOf, time } = bookOf(t);
  const steps: string[] = [];
  const trace = {
    traceparent: 'own',
    queued: () => steps.push('queued'),
    end: (status: number | null) => steps.push(`end ${status}`),
  } as unknown as NonNullable<PendingRequest['trace']>;
  const open = (): PendingRequest =>
    book.open(
      queueOf('m'),
      predictRequest({
        traceparent: 'client',
        arrivedAtMs: time.nowMs,
        deadlineAtMs: time.nowMs + 100,
        settle: (_outcome, traceparent) => steps.push(`settled ${traceparent}`),
      }),
      oneRow,
      trace,
    );
  const request = open();
  assert.equal(request.traceparent, 'own');
  book.answer(request, answer());
  book.cancel(request);
  assert.deepEqual(steps.splice(0), ['queued', 'settled own', 'end 200']);
  const cancelled = open();
  book.cancel(cancelled);
  book.answer(cancelled, answer());
  assert.deepEqual(steps, ['queued', 'end null']);
  assert.equal(book.open(queueOf('m'), predictRequest({ traceparent: 'client' }), oneRow, null).traceparent, 'client');
});

test('isolated requests leave in the order of the queue, and have to travel alone from then on', (t) => {
  const { book, open, queueOf } = bookOf(t);
  open('later', { timeoutMs: 900 });
  open('first', { timeoutMs: 100 });
  for (let count = 0; count < 2; count += 1) book.isolate(book.dequeue(queueOf('m'))!);
  assert.deepEqual([book.isolated, book.peekIsolated()?.id], [2, 'first']);
  const taken = book.takeIsolated();
  assert.deepEqual([taken?.id, taken?.state, taken?.mustTravelAlone], ['first', 'sent', true]);
  assert.deepEqual(
    [book.takeIsolated()?.id, book.takeIsolated(), book.peekIsolated()],
    ['later', undefined, undefined],
  );
});

test('the deadline of a settled request is no longer watched', (t) => {
  const { book, open, time } = bookOf(t);
  book.cancel(open('1', { timeoutMs: 1_000 }));
  time.pass(20);
  assert.equal(time.timers, 0);
});

/** A client that has room for so many bytes. */
class Client {
  room: number;
  readonly turns: number[] = [];

  constructor(room: number) {
    this.room = room;
  }

  takeAnswerRoom(bytes: number, turn: number): boolean {
    this.turns.push(turn);
    if (bytes > this.room) return false;
    this.room -= bytes;
    return true;
  }

  releaseAnswerRoom(bytes: number): void {
    this.room += bytes;
  }
}

function bookWithClients(t: TestContext) {
  const made = bookOf(t);
  const { book, queueOf, time } = made;
  queueOf('m').learnAnswer(1, 100);
  const outcomes: string[] = [];
  const ask = (id: string, answerRoom: Client | undefined, timeoutMs = 1_000): PendingRequest => {
    const settle = (outcome: RequestOutcome): void => void outcomes.push(`${id} ${textOf(outcome)}`);
    const times = { arrivedAtMs: time.nowMs, deadlineAtMs: time.nowMs + timeoutMs };
    const request = predictRequest({ id, bytes: 10, answerRoom, answerTurn: Number(id), ...times, settle });
    return book.open(queueOf('m'), request, oneRow, null);
  };
  /** Ids of those that are sent next; others leave the queue. */
  const dispatch = (): string[] => {
    const sent: string[] = [];
    for (;;) {
      const next = queueOf('m').peek();
      if (next === undefined) return sent;
      if (book.takeAnswerRoom(next)) sent.push(book.dequeue(queueOf('m'))!.id);
    }
  };
  return { ...made, ask, dispatch, outcomes };
}

test('a request whose answer has no room at its client is held, and others pass', (t) => {
  const { book, ask, dispatch, queueOf } = bookWithClients(t);
  const slow = new Client(150);
  const first = ask('1', slow);
  ask('2', slow);
  ask('3', slow);
  ask('4', new Client(1_000));
  ask('5', undefined);
  assert.deepEqual(dispatch(), ['1', '4', '5']);
  assert.deepEqual([book.held, book.queued, book.queuedBytes, queueOf('m').size, book.waitingModels], [2, 2, 20, 0, 0]);
  assert.equal(slow.room, 50);
  book.answer(first, answer());
  assert.equal(slow.room, 150);
  book.releaseHeld();
  assert.deepEqual([book.held, book.queued, queueOf('m').size], [1, 2, 1]);
  // Room was taken when it was released.
  assert.deepEqual([dispatch(), slow.room], [['2'], 50]);
  assert.deepEqual(slow.turns, [1, 2, 3, 2, 3]);
});

test('a held request expires, is cancelled, or goes with its model, as if it waited in the queue', (t) => {
  const { book, ask, dispatch, outcomes, time, configure } = bookWithClients(t);
  const full = new Client(0);
  ask('1', full, 100);
  const gone = ask('2', full);
  ask('3', full);
  assert.deepEqual(dispatch(), []);
  time.pass(110);
  assert.match(
    outcomes.join(),
    /^1 deadline-exceeded: .*, the last of them behind answers that its client has not taken$/,
  );
  book.cancel(gone);
  assert.deepEqual([book.held, book.queued, book.queuedBytes], [1, 1, 10]);
  configure(['n']);
  assert.match(outcomes.join(), /3 model-not-found/);
  assert.deepEqual([book.held, book.queued, book.queuedBytes, full.room], [0, 0, 0, 0]);
});

test('a request that is sent again keeps the room of its answer', (t) => {
  const { book, ask, dispatch } = bookWithClients(t);
  const client = new Client(100);
  const request = ask('1', client);
  assert.deepEqual(dispatch(), ['1']);
  book.enqueue(request);
  assert.deepEqual([dispatch(), client.room], [['1'], 0]);
  book.cancel(request);
  assert.equal(client.room, 100);
});
