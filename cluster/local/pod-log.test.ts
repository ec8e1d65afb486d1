import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogRing } from './pod-log.ts';

const texts = (ring: LogRing, from: number | null = null, previous = false) =>
  ring.read({ from, previous })?.lines.map(({ text }) => text);

test('the lines of the last process, of the one before it, and those from a number on', () => {
  const ring = new LogRing();
  assert.deepEqual(texts(ring), []);
  ring.begin();
  ring.add('a', 1);
  ring.add('b', 2);
  assert.deepEqual(ring.read({ from: null, previous: false }), {
    lines: [
      { number: 0, atMs: 1, text: 'a' },
      { number: 1, atMs: 2, text: 'b' },
    ],
    next: 2,
  });
  assert.equal(ring.read({ from: null, previous: true }), null);
  ring.begin();
  ring.add('c', 3);
  assert.deepEqual([texts(ring), texts(ring, null, true), texts(ring, 1)], [['c'], ['a', 'b'], ['b', 'c']]);
  ring.begin();
  assert.deepEqual([texts(ring), texts(ring, null, true)], [[], ['c']]);
});

test('a pod that writes without end is kept to its last lines, and a long line is cut', () => {
  const ring = new LogRing();
  ring.begin();
  for (let count = 0; count < 5_000; count += 1) ring.add(`line ${count}`, count);
  const few = ring.read({ from: null, previous: false })!;
  assert.deepEqual([few.lines.length, few.lines[0]!.text, few.next], [1_000, 'line 4000', 5_000]);
  for (let count = 0; count < 100; count += 1) ring.add('x'.repeat(1_000_000), 0);
  const long = texts(ring)!;
  assert.ok(long.every((text) => text.length <= 8 * 1024 + 1));
  assert.ok(long.length >= 30 && long.join('').length <= 256 * 1024, String(long.length));
});
