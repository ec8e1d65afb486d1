import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { oldGenerationGrowthMiB } from '../../test/support/old-generation.ts';
import { Deadlines } from './deadlines.ts';
import type { PendingRequest } from './model-queue.ts';
import { pendingRequest } from '../testing/pending.ts';

interface Clock {
  readonly deadlines: Deadlines<PendingRequest>;
  /** Expired requests with the time of their expiry. */
  readonly expired: { readonly request: PendingRequest; readonly atMs: number }[];
  readonly pass: (ms: number) => void;
  readonly add: (afterMs: number) => PendingRequest;
}

/** Deadlines on a clock that starts at `startMs`, which need not be a multiple of the slot. */
function clockAt(t: TestContext, startMs: number, expire: (request: PendingRequest) => void = () => undefined): Clock {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let nowMs = startMs;
  const expired: Clock['expired'] = [];
  const deadlines = new Deadlines<PendingRequest>(
    () => nowMs,
    (request) => {
      expired.push({ request, atMs: nowMs });
      expire(request);
    },
  );
  t.after(() => deadlines.close());
  return {
    deadlines,
    expired,
    pass: (ms) => {
      for (let passed = 0; passed < ms; passed += 1) {
        nowMs += 1;
        t.mock.timers.tick(1);
      }
    },
    add: (afterMs) => {
      const request = pendingRequest({ deadlineAtMs: nowMs + afterMs });
      deadlines.add(request);
      return request;
    },
  };
}

test('never early, at most one slot late, whatever the deadlines and the phase of the clock', (t) => {
  const anyDeadlines = fc.array(
    fc.record({ waitMs: fc.nat(25), timeoutMs: fc.double({ min: 0, max: 300, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), anyDeadlines, (startMs, requests) => {
      const clock = clockAt(t, startMs);
      try {
        const added = requests.map(({ waitMs, timeoutMs }) => {
          clock.pass(waitMs);
          return clock.add(timeoutMs);
        });
        clock.pass(320);
        assert.deepEqual(new Set(clock.expired.map((one) => one.request)), new Set(added));
        assert.equal(clock.expired.length, added.length);
        for (const { request, atMs } of clock.expired) {
          const lateMs = atMs - request.deadlineAtMs;
          // Rounding of floating-point milliseconds.
          assert.ok(lateMs >= 0 && lateMs <= 10 + 1e-6, `${lateMs} ms late`);
        }
      } finally {
        clock.deadlines.close();
        t.mock.timers.reset();
      }
    }),
    { numRuns: 50 },
  );
});

test('removed requests do not expire, removed before or after their slot is reached', (t) => {
  const clock = clockAt(t, 1_003);
  const requests = [5, 15, 15, 15, 200].map(clock.add);
  clock.deadlines.remove(requests[1]!);
  clock.deadlines.remove(requests[4]!);
  clock.pass(300);
  const expired = new Set(clock.expired.map((one) => one.request));
  assert.deepEqual([clock.expired.length, expired], [3, new Set([requests[0], requests[2], requests[3]])]);
  for (const request of requests) clock.deadlines.remove(request);
});

test('a deadline beyond one revolution of the wheel is skipped until it is due', (t) => {
  const clock = clockAt(t, 1_003);
  const [turns, soon] = [clock.add(2 * 40_960 + 50), clock.add(50)];
  clock.pass(2 * 40_960 + 40);
  const expired = (): PendingRequest[] => clock.expired.map((one) => one.request);
  assert.deepEqual(expired(), [soon]);
  clock.pass(20);
  assert.deepEqual(expired(), [soon, turns]);
});

test('after a pause longer than a revolution everything due expires, and nothing else', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let nowMs = 0;
  const expired: PendingRequest[] = [];
  const deadlines = new Deadlines<PendingRequest>(
    () => nowMs,
    (request) => expired.push(request),
  );
  t.after(() => deadlines.close());
  const requests = [50, 30_000, 90_000, 100_001].map((deadlineAtMs) => pendingRequest({ deadlineAtMs }));
  for (const request of requests) deadlines.add(request);
  nowMs = 100_000;
  t.mock.timers.tick(10);
  assert.deepEqual(new Set(expired), new Set(requests.slice(0, 3)));
});

test('overdue on arrival: expires at the next tick, unless it is removed before', (t) => {
  const clock = clockAt(t, 1_003);
  const late = clock.add(-500);
  const removed = clock.add(-500);
  clock.deadlines.remove(removed);
  assert.equal(clock.expired.length, 0);
  clock.pass(10);
  assert.deepEqual(
    clock.expired.map((one) => one.request),
    [late],
  );
});

test('expiring may remove others of the same slot', (t) => {
  const requests: PendingRequest[] = [];
  const clock = clockAt(t, 0, () => requests.forEach((request) => clock.deadlines.remove(request)));
  requests.push(clock.add(15), clock.add(15), clock.add(16));
  clock.pass(100);
  assert.equal(clock.expired.length, 1);
});

test('the timer runs only while there is something to watch, and a long rest costs nothing', (t) => {
  let nowMs = 0;
  let reads = 0;
  t.mock.timers.enable({ apis: ['setInterval'] });
  const expired: PendingRequest[] = [];
  const deadlines = new Deadlines<PendingRequest>(
    () => {
      reads += 1;
      return nowMs;
    },
    (request) => expired.push(request),
  );
  t.after(() => deadlines.close());
  deadlines.add(pendingRequest({ deadlineAtMs: 5 }));
  nowMs = 20;
  t.mock.timers.tick(20);
  assert.equal(expired.length, 1);
  const before = reads;
  t.mock.timers.tick(10_000);
  assert.equal(reads, before);
  nowMs = 1e12;
  deadlines.add(pendingRequest({ deadlineAtMs: nowMs + 15 }));
  nowMs += 20;
  t.mock.timers.tick(20);
  assert.equal(expired.length, 2);
});

test('closed, nothing expires any more', (t) => {
  const clock = clockAt(t, 0);
  clock.add(5);
  clock.add(-5);
  clock.deadlines.close();
  clock.pass(100);
  assert.deepEqual(clock.expired, []);
});

test('removed requests can be collected: the wheel keeps no reference to them', () => {
  const template = pendingRequest();
  const deadlines = new Deadlines<PendingRequest>(
    () => 0,
    () => undefined,
  );
  const grownMiB = oldGenerationGrowthMiB(() => {
    const requests = Array.from({ length: 60 }, (_, at) => {
      return { ...template, deadlineAtMs: 1_000 + 20 * at, deadlinePlace: { tick: -1, index: -1 } };
    });
    for (const request of requests) deadlines.add(request);
    for (const request of requests) deadlines.remove(request);
  }, 5_000);
  deadlines.close();
  assert.ok(grownMiB < 4, `${grownMiB} MiB`);
});

test('after others have left its slot a request is still found there', (t) => {
  const clock = clockAt(t, 1_003);
  const [first, second, third, fourth] = [clock.add(15), clock.add(15), clock.add(15), clock.add(15)];
  clock.deadlines.remove(first);
  clock.deadlines.remove(fourth);
  clock.deadlines.remove(second);
  clock.pass(50);
  assert.deepEqual(
    clock.expired.map((one) => one.request),
    [third],
  );
});

test('closed in the middle it lets go of everything, and can be used again', (t) => {
  const clock = clockAt(t, 1_003);
  const former = clock.add(100);
  clock.deadlines.close();
  assert.equal(former.deadlinePlace.tick, -1);
  clock.deadlines.remove(former);
  const later = clock.add(100);
  clock.pass(200);
  assert.deepEqual(
    clock.expired.map((one) => one.request),
    [later],
  );
  const again = clock.add(10);
  clock.pass(50);
  assert.equal(clock.expired.at(-1)!.request, again);
});
