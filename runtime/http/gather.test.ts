import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Gatherer } from './gather.ts';

test('bytes come out as they went in, within twice their length, in few parts', () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20_000 })), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const gatherer = new Gatherer();
      const sent = lengths.map((length, index) => Buffer.alloc(length, index));
      let costBytes = 0;
      for (const chunk of sent) {
        costBytes += gatherer.costOf(chunk);
        gatherer.add(chunk);
      }
      const parts = gatherer.finish();
      const whole = Buffer.concat(sent);
      assert.ok(Buffer.concat(parts).equals(whole));
      const keptBytes = new Set(parts.map(({ buffer }) => buffer));
      const memory = [...keptBytes].reduce((sum, { byteLength }) => sum + byteLength, 0);
      assert.ok(memory <= costBytes, `${memory} bytes are kept, ${costBytes} were counted`);
      const large = lengths.filter((length) => length >= 4096).length;
      assert.ok(costBytes <= 2 * whole.length + 256 * (large + 1), `${costBytes} for ${whole.length}`);
      assert.ok(parts.length <= 2 * large + 10 + whole.length / 4096);
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('a small part of a large buffer does not keep it', () => {
  const gatherer = new Gatherer();
  gatherer.add(Buffer.alloc(65_536).subarray(0, 5_000));
  assert.equal(gatherer.finish()[0]!.buffer.byteLength, 5_000);
});
