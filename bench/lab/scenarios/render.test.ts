import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missed, renderRun } from './render.ts';
import type { ResultLine } from './scenario.ts';

const line = (goal: ResultLine['goal'], median: number, unit: ResultLine['unit'] = ''): ResultLine => ({
  what: 'it',
  value: { median, low: median, high: median * 2 },
  unit,
  goal,
  beside: 'why',
});

test('a result says which goals were reached, and by how much the others were missed', () => {
  const text = renderRun({
    scenario: { name: 'x', title: 'A title', how: 'So.' },
    result: {
      lines: [
        line({ kind: 'at most', value: 1 }, 1.5),
        line({ kind: 'at least', value: 2 }, 2, 's'),
        line({ kind: 'at most', value: 0 }, 0),
        line(null, 12.34, 'ms'),
      ],
      repeats: '5 rounds.',
      remarks: ['A remark.'],
    },
    command: 'npm run bench -- --only x',
    machine: '2 cores.',
    tookS: 7,
  });
  assert.match(
    text,
    /^# A title\n\n`npm run bench -- --only x`\n\n2 cores\. 7 s in all\.\n\nSo\.\n\n5 rounds\. Medians/,
  );
  const rows = text.split('\n').filter((row) => row.startsWith('| it'));
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(2, 5)
      .map((cell) => cell.trim()),
  );
  assert.deepEqual(cells, [
    ['**1.50 (1.50–3.00)**', '≤ 1', 'no, +50%'],
    ['**2.00 (2.00–4.00)** s', '≥ 2 s', 'yes'],
    ['**0**', '≤ 0', 'yes'],
    ['**12.3 (12.3–24.7)** ms', '—', '—'],
  ]);
  assert.ok(text.endsWith('\n\nA remark.\n'));
});

test('a line that misses its goal is counted, one without a goal is not', () => {
  const lines = [line({ kind: 'at least', value: 2 }, 1), line({ kind: 'at least', value: 2 }, 3), line(null, 1)];
  assert.deepEqual(missed(lines), [lines[0]]);
});
