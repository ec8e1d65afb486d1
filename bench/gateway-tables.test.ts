import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Case } from './gateway-cases.ts';
import { batchingRow, cpuRow, renderTables } from './gateway-tables.ts';
import type { Sample } from './measure.ts';

const workload = { model: 'm', path: '/', headers: {}, bodies: [Buffer.alloc(100)] };
const caseOf = (goal: Case['goal']): Case => ({ name: 'm binary', workload, goal });
const sample = (values: Partial<Sample>): Sample => ({
  perSecond: 1000,
  p50Ms: 5,
  p99Ms: 9,
  serverCpuUs: 100,
  podsCpuUs: 50,
  meanBatch: 32,
  servingPods: 2,
  ...values,
});

test('throughput is on over off, CPU off over on, and the goal is held against the median', () => {
  const samples = {
    on: [3000, 9000, 4000].map((perSecond) => sample({ perSecond })),
    off: [1000, 2000, 1000].map((perSecond) => sample({ perSecond, serverCpuUs: 550, meanBatch: 1 })),
  };
  const row = batchingRow(caseOf({ kind: 'at least', ratio: 4 }), samples);
  assert.deepEqual(row.ratio, { median: 4, low: 3, high: 4.5 });
  assert.deepEqual(row.cpuRatio, { median: 4, low: 4, high: 4 });
  assert.equal(row.reached, true);
  assert.equal(batchingRow(caseOf({ kind: 'at least', ratio: 4.1 }), samples).reached, false);
});

test("the gateway's own CPU is held against the goal, its pods' beside it", () => {
  const echo = sample({ serverCpuUs: 80, podsCpuUs: 0, meanBatch: null });
  const row = cpuRow(caseOf({ kind: 'at most', ratio: 1.2 }), {
    sluice: [sample({})],
    echo: [echo],
    parse: [{ ...echo, serverCpuUs: 50 }],
  });
  assert.equal(row.ratio.median, 1.25);
  assert.equal(row.wholeRatio.median, 1.875);
  assert.equal(row.parseRatio?.median, 2);
  assert.equal(row.reached, false);
});

test('the text has every side, what was missed, and that a pod was out of rotation', () => {
  const short = [sample({}), sample({ servingPods: 1 })];
  const row = batchingRow(caseOf({ kind: 'at least', ratio: 4 }), { on: short, off: [sample({}), sample({})] });
  const text = renderTables([row], []);
  assert.match(text, /\| m binary, 100 B \| \*\*1\.00 \(1\.00–1\.00\)\*\* \| ≥ 4 +\| NO /);
  assert.match(text, /\| batching off \| 1000 \(1000–1000\)/);
  assert.match(text, /m binary: at the end of 1 measurements fewer than 2 pods/);
  const widths = new Set(
    text
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split('|').length),
  );
  assert.deepEqual([...widths].sort(), [13, 4].sort());
});
