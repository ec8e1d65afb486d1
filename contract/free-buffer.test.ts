import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeBuffer } from './free-buffer.ts';

test('a buffer that is all of its memory is emptied; views, small ones and those of the pool stay', () => {
  const whole = Buffer.alloc(100_000, 1);
  const viewed = Buffer.alloc(100_000, 1);
  const kept = [
    viewed.subarray(1),
    viewed.subarray(0, 99_999),
    Buffer.alloc(1_000, 1),
    Buffer.allocUnsafe(20_000).fill(1),
  ];
  for (const buffer of [whole, ...kept]) freeBuffer(buffer);
  assert.equal(whole.length, 0);
  for (const buffer of kept) assert.equal(buffer[0], 1);
});
