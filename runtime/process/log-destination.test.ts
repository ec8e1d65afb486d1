import assert from 'node:assert/strict';
import type { writeSync } from 'node:fs';
import { test } from 'node:test';
import { LogDestination } from './log-destination.ts';

function failing(code: string, times: number) {
  let written = '';
  let calls = 0;
  const write = (_descriptor: number, bytes: Uint8Array): number => {
    calls += 1;
    if (calls <= times) throw Object.assign(new Error(code), { code });
    // Two bytes at a time, as a pipe that is almost full takes them.
    written += Buffer.from(bytes.subarray(0, 2)).toString();
    return Math.min(2, bytes.length);
  };
  return { write: write as unknown as typeof writeSync, written: () => written, calls: () => calls };
}

test('a line is written whole, in as many pieces as it takes', () => {
  const { write, written } = failing('', 0);
  const log = new LogDestination({ write });
  log.write('{"a":1}\n');
  assert.deepEqual([written(), log.lost], ['{"a":1}\n', 0]);
});

test('a line that cannot be written is lost and counted, and the next one is tried', () => {
  for (const code of ['ENOSPC', 'EPIPE', 'EIO', 'EBADF']) {
    const { write, written } = failing(code, 2);
    const log = new LogDestination({ write });
    for (const line of ['a\n', 'b\n', 'c\n']) log.write(line);
    assert.deepEqual([written(), log.lost], ['c\n', 2], code);
  }
});

test('who asked for it is told that nobody reads any more', () => {
  for (const [code, told] of [
    ['EPIPE', 1],
    ['ENOSPC', 0],
  ] as const) {
    let closed = 0;
    new LogDestination({ write: failing(code, 1).write, onClosed: () => (closed += 1) }).write('a\n');
    assert.equal(closed, told, code);
  }
});

test('a reader that is behind is waited for once, and for a short time', () => {
  const soon = failing('EAGAIN', 3);
  const log = new LogDestination({ write: soon.write });
  log.write('a\n');
  assert.deepEqual([soon.written(), log.lost], ['a\n', 0]);
  const never = failing('EAGAIN', 1_000);
  const lost = new LogDestination({ write: never.write });
  lost.write('a\n');
  const { calls } = never;
  const first = calls();
  lost.write('b\n');
  assert.deepEqual([lost.lost, calls() - first], [2, 1]);
});
