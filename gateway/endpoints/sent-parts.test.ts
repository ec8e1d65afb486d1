/** Memory of large envelopes: given back where the system has taken a part, kept where a write of it may be under way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { EnvelopeTurns } from './envelope-turns.ts';
import { SentParts } from './sent-parts.ts';

const parts = (): Buffer[] => Array.from({ length: 6 }, (_, index) => Buffer.alloc(65_536, index));
const turns = () => new EnvelopeTurns(() => performance.now());
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Reads as a writer to a socket does that takes `atOnce` parts before it is full. */
function writer(stream: SentParts, atOnce: number): { readonly written: Buffer[]; drain: () => void } {
  const written: Buffer[] = [];
  let queued = 0;
  stream.on('data', (part: Buffer) => {
    written.push(part);
    stream.onWritten(part);
    queued += 1;
    if (queued === atOnce) stream.pause();
  });
  return {
    written,
    drain: () => {
      queued = 0;
      stream.resume();
    },
  };
}

test('all parts come, in their order', async () => {
  const stream = new SentParts(parts(), turns());
  const { written } = writer(stream, Infinity);
  await once(stream, 'end');
  assert.deepEqual(
    written.map((part) => part[0]),
    [0, 1, 2, 3, 4, 5],
  );
});

test('others are served in between, however much the socket takes', async () => {
  const stream = new SentParts([...parts(), ...parts()], turns());
  const { written } = writer(stream, Infinity);
  const after: number[] = [];
  while (written.length < 12) {
    await turn();
    after.push(written.length);
  }
  const most = Math.max(...after.map((count, index) => count - (after[index - 1] ?? 0)));
  assert.ok(most <= 4, `${most} parts of 64 KiB were given at once`);
});

test('a part that a socket may still write keeps its memory, one before the last drain gives it back', async () => {
  const sent = parts();
  const stream = new SentParts(sent, turns());
  const { written, drain } = writer(stream, 2);
  await turn();
  assert.equal(written.length, 2);
  stream.free(sent);
  assert.deepEqual(
    sent.map(({ length }) => length > 0),
    [true, true, true, true, true, true],
  );
  drain();
  await turn();
  assert.equal(written.length, 4);
  stream.free(sent);
  assert.deepEqual(
    sent.map(({ length }) => length > 0),
    [false, false, true, true, true, true],
  );
  drain();
  await turn();
  stream.free(sent.slice(3));
  assert.deepEqual(
    sent.map(({ length }) => length > 0),
    [false, false, true, false, true, true],
  );
});

test('it rests between turns while small envelopes are sent, for twice the time of a turn, and not without them', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const shared = new EnvelopeTurns(() => nowMs);
  const stream = new SentParts([...parts(), ...parts(), ...parts()], shared);
  const { written } = writer(stream, Infinity);
  const pass = async (ms: number): Promise<number> => {
    nowMs += ms;
    t.mock.timers.tick(ms);
    for (let count = 0; count < 5; count += 1) await turn();
    return written.length;
  };
  shared.onSmall();
  // A first turn is due at once, and ends with a rest of 1 ms.
  assert.equal(await pass(0), 8);
  assert.equal(await pass(0.9), 8);
  assert.equal(await pass(0.2), 12);
  // By now the last small envelope is long ago.
  assert.equal(await pass(300), 18);
});
