import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blindMs, Lasting } from './lasting.ts';

const seen = (words: string, allowedMs = 3_000) => ({ key: 'k', allowedMs, words });

test('what may never be seen is found at its first sight, once for as long as it lasts', () => {
  const lasting = new Lasting();
  assert.equal(lasting.look(0, [seen('first', 0)]).length, 1);
  assert.equal(lasting.look(1_000, [seen('second', 0)]).length, 0);
  assert.deepEqual(lasting.findings, [{ sinceMs: 0, lastMs: 1_000, words: 'first' }]);
  lasting.look(2_000, []);
  assert.equal(lasting.look(3_000, [seen('again', 0)]).length, 1);
});

test('a lag is found only once it has lasted longer than allowed, without a gap', () => {
  const lasting = new Lasting();
  for (const nowMs of [0, 1_000, 2_000, 3_000]) assert.deepEqual(lasting.look(nowMs, [seen('behind')]), []);
  lasting.look(3_500, []);
  for (const nowMs of [4_000, 5_000, 6_000, 7_000]) assert.deepEqual(lasting.look(nowMs, [seen('behind')]), []);
  assert.equal(lasting.look(8_000, [seen('still behind')]).length, 1);
  assert.equal(lasting.findings[0]!.sinceMs, 4_000);
});

test('two looks that are far apart prove nothing of the time between them', () => {
  const lasting = new Lasting();
  lasting.look(0, [seen('behind')]);
  assert.deepEqual(lasting.look(blindMs + 1, [seen('behind')]), []);
  assert.equal(lasting.blind, 1);
  for (const later of [1_000, 2_000, 3_000, 4_000]) lasting.look(blindMs + 1 + later, [seen('behind')]);
  assert.equal(lasting.findings.length, 1);
});
