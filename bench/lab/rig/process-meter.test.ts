import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStat } from './process-meter.ts';

test('a line of /proc/PID/stat is parsed from behind the name, whatever the name holds', () => {
  const line = '42 (a) b (c) S 7 40 41 0 -1 4194560 1 2 3 4 150 50 200 100 20 0 9 0 123456 1 2';
  assert.deepEqual(parseStat(line), { pid: 42, parent: 7, session: 41, startTicks: 123456, cpuS: 5, ended: false });
  assert.equal(parseStat(line.replace(' S ', ' Z ')).ended, true);
});
