import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AvailableEndpoints } from './available-endpoints.ts';
import { Endpoint, type Outstanding } from './endpoint.ts';

const envelope: Outstanding = {
  rows: 1,
  requests: [],
  startedAtMs: 0,
  startedLoopMs: 0,
  predictedMs: 0,
  call: undefined,
};
const pods = Array.from({ length: 6 }, (_, index) => new Endpoint(`u${index}`, `p${index}`, 'http://127.0.0.1:1'));

test('whatever happens in whatever order, each pod is in the one list where it belongs', () => {
  const step = fc.record({ pod: fc.nat(pods.length - 1), slots: fc.nat(2), busy: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const free = new AvailableEndpoints();
      const idle = new Set<Endpoint>();
      const open = new Set<Endpoint>();
      for (const pod of pods) {
        pod.freeList = null;
        pod.outstanding.splice(0);
      }
      for (const { pod: index, slots, busy } of steps) {
        const pod = pods[index]!;
        if (busy) pod.outstanding.push(envelope);
        else pod.outstanding.splice(0);
        idle.delete(pod);
        open.delete(pod);
        if (slots > 0) (busy ? open : idle).add(pod);
        free.update(pod, slots);
        assert.deepEqual(names(free.idle), names(idle));
        assert.deepEqual(names(free.available), names(open));
        for (const list of [free.idle, free.available])
          list.forEach((one, place) => assert.equal(one.freeIndex, place));
      }
    }),
  );
});

test('a slot without limit is a free slot', () => {
  const free = new AvailableEndpoints();
  const pod = new Endpoint('u', 'p', 'http://127.0.0.1:1');
  free.update(pod, Infinity);
  assert.deepEqual(free.idle, [pod]);
});

function names(list: Iterable<Endpoint>): string[] {
  return [...list].map((pod) => pod.name).sort();
}
