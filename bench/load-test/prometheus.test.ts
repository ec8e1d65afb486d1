import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelBeside, sumOf } from './prometheus.ts';

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

test('several labels all have to be there, in any order', () => {
  const pods = 'pods{pool="a",state="serving"} 2\npods{state="serving",pool="b"} 5\npods{pool="a",state="ejected"} 1\n';
  assert.equal(sumOf(pods, 'pods', 'state="serving"', 'pool="a"'), 2);
  assert.equal(sumOf(pods, 'pods', 'state="serving"'), 7);
});

test('a label is found beside another, whole and not as the end of a longer name', () => {
  assert.equal(labelBeside('rows_sum{subpool="x",pool="a",model="m"} 1\n', 'model="m"', 'pool'), 'a');
  assert.equal(labelBeside('rows_sum{subpool="x",model="m"} 1\n', 'model="m"', 'pool'), null);
  assert.equal(labelBeside('rows_sum{pool="a",model="n"} 1\n', 'model="m"', 'pool'), null);
});
