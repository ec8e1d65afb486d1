import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { LoadReport } from '../../contract/load-report.ts';
import { LoadStream } from './load-stream.ts';

function streamOf(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let nowMs = 0;
  let sequence = 0;
  const report = (): LoadReport => ({ instance: 'i', name: 'n', sequence: (sequence += 1), ready: true, pools: [] });
  const stream = new LoadStream(report, () => nowMs);
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= 50) {
      nowMs += Math.min(50, left);
      t.mock.timers.tick(Math.min(50, left));
    }
  };
  return { stream, pass, made: () => sequence };
}

/** Sequence numbers of the lines since the last call. */
function read(out: PassThrough): number[] {
  const text = (out.read() as Buffer | null)?.toString() ?? '';
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as LoadReport).sequence);
}

test('a line at once and then each second, the same to all readers', (t) => {
  const { stream, pass } = streamOf(t);
  const one = new PassThrough();
  stream.add(one);
  assert.deepEqual(read(one), [1]);
  pass(900);
  assert.deepEqual(read(one), []);
  pass(100);
  assert.deepEqual(read(one), [2]);
  const other = new PassThrough();
  stream.add(other);
  pass(2_000);
  assert.deepEqual(
    [read(one), read(other)],
    [
      [4, 5],
      [3, 4, 5],
    ],
  );
});

test('wakes come at once, several together, and no two within 100 ms', (t) => {
  const { stream, pass } = streamOf(t);
  const out = new PassThrough();
  stream.add(out);
  read(out);
  pass(500);
  for (let count = 0; count < 500; count += 1) stream.wake();
  t.mock.timers.tick(1);
  assert.deepEqual(read(out), [2]);
  stream.wake();
  stream.wake();
  pass(50);
  assert.deepEqual(read(out), []);
  pass(50);
  assert.deepEqual(read(out), [3]);
});

test('without readers it makes no report, woken or not', (t) => {
  const { stream, pass, made } = streamOf(t);
  stream.wake();
  pass(3_000);
  assert.equal(made(), 0);
  const out = new PassThrough();
  stream.add(out);
  out.destroy();
  out.emit('close');
  assert.equal(stream.readers, 0);
  stream.wake();
  pass(3_000);
  assert.equal(made(), 1);
});

test('a stalled reader holds one buffer, misses lines, and is disconnected after ten seconds', (t) => {
  const { stream, pass } = streamOf(t);
  let written = 0;
  const stuck = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer) => {
      written += chunk.length;
    },
  });
  stream.add(stuck);
  pass(10_000);
  assert.equal(stuck.destroyed, false);
  assert.ok(stuck.writableLength < 200, `${stuck.writableLength} bytes are buffered, ${written} were taken`);
  pass(2_000);
  assert.equal(stuck.destroyed, true);
});

test('closing sends a last line and ends the stream', async (t) => {
  const { stream } = streamOf(t);
  const out = new PassThrough();
  stream.add(out);
  stream.close();
  assert.deepEqual(read(out), [1, 2]);
  await out.resume().toArray();
  assert.equal(out.readableEnded, true);
});
