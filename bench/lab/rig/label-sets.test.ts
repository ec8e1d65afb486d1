import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelSets } from './label-sets.ts';

test('a histogram counts once for each label set, whatever its buckets', () => {
  const text = [
    '# TYPE waits histogram',
    'waits_bucket{le="1",model="a"} 1',
    'waits_bucket{model="a",le="+Inf"} 2',
    'waits_sum{model="a"} 3',
    'waits_count{model="a"} 2',
    'waits_bucket{le="1",model="b"} 0',
    'alone_bucket{le="1"} 0',
    'alone_count 0',
    'plain{model="a"} 1',
    'plain{model="b"} 1',
    'bare 4',
    '',
  ].join('\n');
  // Six label sets: waits a and b, alone, plain a and b, bare.
  assert.equal(labelSets(text), 6);
  assert.equal(labelSets(''), 0);
});
