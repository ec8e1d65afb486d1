import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakePod } from '../testing/fake-pod.ts';
import { AvailableEndpoints } from './available-endpoints.ts';
import { Endpoint, type OutstandingBatch } from './endpoint.ts';

const batch: OutstandingBatch = {
  work: 1,
  requests: [],
  startedAtMs: 0,
  startedLoopMs: 0,
  predictedMs: 0,
  abort: () => undefined,
};
const endpointOf = (uid: string): Endpoint => new Endpoint({ uid, name: uid }, new FakePod(uid, []));

test('whatever happens in whatever order, each endpoint is in the one list where it belongs', () => {
  const step = fc.record({ endpoint: fc.nat(5), slots: fc.nat(2), busy: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const free = new AvailableEndpoints();
      const idle = new Set<Endpoint>();
      const available = new Set<Endpoint>();
      const endpoints = Array.from({ length: 6 }, (_, index) => endpointOf(`${index}`));
      for (const { endpoint: index, slots, busy } of steps) {
        const endpoint = endpoints[index]!;
        if (busy) endpoint.onBatchSent(batch);
        else while (endpoint.batches.length > 0) endpoint.onBatchEnded(batch);
        idle.delete(endpoint);
        available.delete(endpoint);
        if (slots > 0) (busy ? available : idle).add(endpoint);
        free.update(endpoint, slots);
        assert.deepEqual(names(free.idle), names(idle));
        assert.deepEqual(names(free.available), names(available));
        for (const list of [free.idle, free.available]) {
          list.forEach((one, index) => assert.equal(one.place.index, index));
        }
      }
    }),
  );
});

test('a slot without limit is a free slot', () => {
  const free = new AvailableEndpoints();
  const endpoint = endpointOf('a');
  free.update(endpoint, Infinity);
  assert.deepEqual(free.idle, [endpoint]);
});

function names(list: Iterable<Endpoint>): string[] {
  return [...list].map((endpoint) => endpoint.name).sort();
}
