import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumOf } from './prometheus.ts';

const text = `# HELP rows Rows of a run
# TYPE rows histogram
rows_sum{model="a"} 12
rows_sum{model="b } 7"} 30.5
rows_sum_of_more 1000
rows_count{model="a"} 3
cpu_seconds_total 1.25 1700000000000
`;

test('sums over label sets, and over nothing else', () => {
  assert.equal(sumOf(text, 'rows_sum'), 42.5);
  assert.equal(sumOf(text, 'rows_count'), 3);
  assert.equal(sumOf(text, 'cpu_seconds_total'), 1.25);
  assert.equal(sumOf(text, 'rows'), 0);
  assert.equal(sumOf(text, 'rows_sum', 'model="a"'), 12);
});
