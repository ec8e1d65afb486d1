/** Memory of large envelopes: given back where the system has taken a part, kept where a write of it may be under way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { SentParts } from './sent-parts.ts';

const parts = (): Buffer[] => Array.from({ length: 6 }, (_, index) => Buffer.alloc(65_536, index));
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
  const stream = new SentParts(parts());
  const { written } = writer(stream, Infinity);
  await once(stream, 'end');
  assert.deepEqual(
    written.map((part) => part[0]),
    [0, 1, 2, 3, 4, 5],
  );
});

test('others are served in between, however much the socket takes', async () => {
  const stream = new SentParts([...parts(), ...parts()]);
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
  const stream = new SentParts(sent);
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
