import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Levels, rowsBefore } from '../policy/levels.ts';
import { Queue } from './queue.ts';
import type { PendingRequest } from './model-queue.ts';
import { pendingRequest } from '../testing/pending.ts';

const anyRequest = fc.record({
  priority: fc.constantFrom(1, 5, 9),
  deadlineAtMs: fc.integer({ min: 0, max: 5 }),
  bytes: fc.nat(100),
  estimatedRows: fc.integer({ min: 1, max: 9 }),
  work: fc.integer({ min: 1, max: 90 }),
  shape: fc.nat(4),
});

type Step =
  | { readonly kind: 'push'; readonly given: Partial<PendingRequest> }
  | { readonly kind: 'pop' }
  | { readonly kind: 'peek' }
  | { readonly kind: 'remove'; readonly pick: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: anyRequest.map((given) => ({ kind: 'push' as const, given })) },
  { weight: 2, arbitrary: fc.constant({ kind: 'pop' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'peek' as const }) },
  { weight: 3, arbitrary: fc.nat().map((pick) => ({ kind: 'remove' as const, pick })) },
);

function remove(queue: Queue<PendingRequest>, request: PendingRequest): void {
  request.state = 'settled';
  queue.remove(request);
}

test('whatever is pushed, popped and removed, it behaves as a sorted list', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.array(anyStep, { maxLength: 300, size: 'max' }), (first, steps) => {
      const levels = new Levels();
      const queue = new Queue<PendingRequest>(levels);
      const model: PendingRequest[] = [];
      const takeFirst = (): PendingRequest | undefined =>
        model.sort((a, b) => (levels.precedes(a, b) ? -1 : 1)).shift();
      // Enough entries that removing them triggers the clean-up.
      for (let deadlineAtMs = 0; deadlineAtMs < first; deadlineAtMs += 1) {
        const request = pendingRequest({ deadlineAtMs });
        queue.push(request);
        model.push(request);
      }
      for (const step of steps) {
        switch (step.kind) {
          case 'push': {
            const request = pendingRequest(step.given);
            queue.push(request);
            model.push(request);
            break;
          }
          case 'pop': {
            const first = takeFirst();
            const popped = queue.pop();
            assert.equal(popped, first);
            if (popped !== undefined) popped.state = 'sent';
            break;
          }
          case 'peek': {
            const first = takeFirst();
            assert.equal(queue.peek(), first);
            if (first !== undefined) model.push(first);
            break;
          }
          case 'remove': {
            if (model.length === 0) break;
            const [request] = model.splice(step.pick % model.length, 1);
            remove(queue, request!);
          }
        }
        assert.equal(queue.size, model.length);
        assert.equal(queue.bytes, sum(model, 'bytes'));
        assert.equal(queue.rows, sum(model, 'estimatedRows'));
        assert.equal(queue.work, sum(model, 'work'));
        const shapes = new Set(model.map(({ shape }) => shape).filter((shape) => shape !== 0));
        assert.equal(queue.shapes, shapes.size);
        assertLevels(queue, levels, model);
        for (let shape = 1; shape <= 4; shape += 1) assert.equal(queue.hasShape(shape), shapes.has(shape));
      }
      assert.deepEqual(new Set(queue.waiting()), new Set(model));
      while (model.length > 0) {
        const first = takeFirst();
        assert.equal(queue.pop(), first);
      }
      assert.equal(queue.pop(), undefined);
    }),
    { numRuns: 60 },
  );
});

/** Asserts what is known of each level, by the queue and by the levels that it shares with others. */
function assertLevels(queue: Queue<PendingRequest>, levels: Levels, model: readonly PendingRequest[]): void {
  const rows = new Float64Array(10);
  for (const { priority, estimatedRows } of model) rows[priority]! += estimatedRows;
  for (const level of [1, 5, 9]) {
    const here = model.filter(({ priority }) => priority === level);
    assert.equal(queue.sizeAt(level), here.length);
    const last = queue.lastAt(level);
    assert.equal(last !== undefined && here.includes(last), here.length > 0);
    const given = { level, ownRows: 2, takenBehind: levels.takenBehind(level) };
    assert.equal(queue.rowsBefore(level, 2), rowsBefore(rows, given));
    // The share of a level is a ninth: it is what the level holds, and one more.
    const requests = 9 * (here.length + 1);
    const bytes = 9 * sum(here, 'bytes') + 1;
    assert.ok(levels.isUnderShare(level, { bytes: 0 }, { requests, bytes }));
    assert.ok(!levels.isUnderShare(level, { bytes: 0 }, { requests: requests - 1, bytes }));
  }
}

function sum(requests: readonly PendingRequest[], field: 'bytes' | 'estimatedRows' | 'work'): number {
  return requests.reduce((total, request) => total + request[field], 0);
}

test('an empty queue has no work left over from sums of fractions', () => {
  const queue = new Queue<PendingRequest>(new Levels());
  for (let index = 0; index < 3; index += 1) queue.push(pendingRequest({ work: 0.1, sequence: index }));
  while (queue.pop() !== undefined);
  assert.equal(queue.work, 0);
});

test('order: priority, then deadline, then arrival', () => {
  const queue = new Queue<PendingRequest>(new Levels());
  const late = pendingRequest({ id: 'late', deadlineAtMs: 200 });
  const soon = pendingRequest({ id: 'soon', deadlineAtMs: 100 });
  const soonToo = pendingRequest({ id: 'soon, arrived later', deadlineAtMs: 100 });
  const high = pendingRequest({ id: 'high', priority: 1, deadlineAtMs: 900 });
  for (const request of [late, soonToo, soon, high]) queue.push(request);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => queue.pop()?.id),
    ['high', 'soon', 'soon, arrived later', 'late'],
  );
});

test('a request that comes back keeps its place by arrival', () => {
  const queue = new Queue<PendingRequest>(new Levels());
  const first = pendingRequest();
  const second = pendingRequest();
  queue.push(first);
  queue.push(second);
  const sent = queue.pop()!;
  sent.state = 'sent';
  queue.push(sent);
  assert.equal(queue.pop(), first);
});

test('all entries that wait can be removed, however many', () => {
  const queue = new Queue<PendingRequest>(new Levels());
  const requests = Array.from({ length: 500 }, () => pendingRequest());
  for (const request of requests) queue.push(request);
  for (const request of queue.waiting()) remove(queue, request);
  assert.equal(queue.size, 0);
  assert.deepEqual(
    requests.filter((request) => request.state !== 'settled'),
    [],
  );
});

test('removed entries are released', () => {
  const queue = new Queue<PendingRequest>(new Levels());
  const requests = Array.from({ length: 1000 }, () => pendingRequest({ bytes: 10 }));
  for (const request of requests) queue.push(request);
  // From the back, so that no removed entry ever reaches the front.
  for (const request of requests.slice(1).reverse()) remove(queue, request);
  assert.deepEqual([queue.size, queue.bytes, queue.rows], [1, 10, 1]);
  assert.deepEqual(queue.waiting(), [requests[0]]);
});

test('a level that waits behind another one gets a ninth of what is served', () => {
  const queue = new Queue<PendingRequest>(new Levels());
  for (let count = 0; count < 100; count += 1) queue.push(pendingRequest({ priority: 1 }));
  for (let count = 0; count < 20; count += 1) queue.push(pendingRequest({ priority: 9 }));
  // The first one has to be earned, too.
  const served = Array.from({ length: 91 }, () => queue.pop()!.priority);
  assert.equal(served.filter((priority) => priority === 9).length, 10);
});
