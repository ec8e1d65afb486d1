/** The heap of one level: its order against a sorted list, and what removed entries cost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { precedesWithin } from '../policy/levels.ts';
import { pendingRequest } from '../testing/pending.ts';
import { Heap } from './heap.ts';
import type { PendingRequest } from './model-queue.ts';

const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('push' as const), at: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('shift', 'remove', 'last'), at: fc.nat() }) },
);

test('whatever is pushed, removed and shifted, the heap gives what a sorted list gives', () => {
  fc.assert(
    fc.property(fc.nat(150), fc.array(anyStep, { maxLength: 200, size: 'max' }), (many, steps) => {
      const heap = new Heap<PendingRequest>();
      const sorted: PendingRequest[] = [];
      const push = (deadlineAtMs: number): void => {
        const request = pendingRequest({ deadlineAtMs });
        heap.push(request);
        sorted.push(request);
        sorted.sort((a, b) => (precedesWithin(a, b) ? -1 : 1));
      };
      for (let at = 0; at < many; at += 1) push((at * 7) % 20);
      for (const { what, at } of steps) {
        if (what === 'push') push(at);
        else if (sorted.length === 0) assert.deepEqual([heap.peek(), heap.last()], [undefined, undefined]);
        else if (what === 'shift') {
          assert.equal(heap.peek(), sorted.shift());
          heap.shift();
        } else if (what === 'remove') {
          const [removed] = sorted.splice(at % sorted.length, 1);
          removed!.state = 'settled';
          heap.remove();
        } else {
          const first = heap.peek();
          const last = heap.last();
          assert.ok(sorted.includes(last!), 'the last one waits');
          assert.equal(last === first, sorted.length === 1, 'the first one goes last only if it is alone');
        }
        assert.equal(heap.size, sorted.length);
        assert.deepEqual(new Set(heap.waiting()), new Set(sorted));
      }
      for (const request of sorted) {
        assert.equal(heap.peek(), request);
        heap.shift();
      }
      assert.deepEqual([heap.size, heap.peek(), heap.last()], [0, undefined, undefined]);
    }),
    { numRuns: 60 },
  );
});

/** A heap of requests that count how often somebody looks whether they wait. */
function watched(count: number) {
  const heap = new Heap<PendingRequest>();
  let looks = 0;
  const requests = Array.from({ length: count }, () => {
    let state: PendingRequest['state'] = 'queued';
    return Object.defineProperty(pendingRequest(), 'state', {
      get: () => ((looks += 1), state),
      set: (next: PendingRequest['state']) => (state = next),
    });
  });
  for (const request of requests) heap.push(request);
  return {
    heap,
    requests,
    remove: (request: PendingRequest): void => {
      request.state = 'settled';
      heap.remove();
    },
    looksDuring: (act: () => unknown): number => {
      looks = 0;
      act();
      return looks;
    },
  };
}

for (const count of [10, 1_000]) {
  test(`one of ${count} entries is removed without a look at the others`, () => {
    const { requests, remove, looksDuring } = watched(count);
    assert.equal(
      looksDuring(() => remove(requests[5]!)),
      0,
    );
  });
}

test('removed entries that never surface are let go of, once they outnumber those that wait', () => {
  const { heap, requests, remove, looksDuring } = watched(1_000);
  for (const request of requests.slice(100).reverse()) remove(request);
  const looks = looksDuring(() => assert.equal(heap.waiting().length, 100));
  assert.ok(looks <= 200, `${looks} entries are kept for 100 that wait`);
  assert.equal(heap.peek(), requests[0]);
});

test('a heap of which all entries are removed keeps none of them', () => {
  const { heap, requests, remove, looksDuring } = watched(10);
  for (const request of requests.toReversed()) remove(request);
  assert.equal(
    looksDuring(() => assert.deepEqual(heap.waiting(), [])),
    0,
  );
});
