import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histogram } from '../../runtime/histogram.ts';
import { headText, histogramSamples, labelsText, samplesText } from './exposition.ts';

test('a metric has help, type and a line for each sample', () => {
  const samples = [
    { labels: labelsText({ pool: 'a', model: 'b' }), value: 1.5 },
    { labels: labelsText({ pool: 'c', model: 'd' }), value: Infinity },
    { labels: labelsText({ pool: 'e', model: 'f' }), value: NaN },
  ];
  assert.equal(
    headText('gauge', 'sluice_x', 'Helps') + samplesText('sluice_x', samples),
    [
      '# HELP sluice_x Helps',
      '# TYPE sluice_x gauge',
      'sluice_x{pool="a",model="b"} 1.5',
      'sluice_x{pool="c",model="d"} +Inf',
      'sluice_x{pool="e",model="f"} NaN',
      '',
    ].join('\n'),
  );
});

test('what would end a label early is escaped', () => {
  assert.equal(labelsText({ name: 'a"b\\c\nd' }), 'name="a\\"b\\\\c\\nd"');
});

test('buckets of a histogram count all below their bound', () => {
  const histogram = new Histogram([1, 2]);
  for (const value of [0.5, 1, 1.5, 7]) histogram.observe(value);
  assert.deepEqual(
    histogramSamples('pool="a"', histogram).map(({ suffix, labels, value }) => `${suffix}{${labels}} ${value}`),
    [
      '_bucket{pool="a",le="1"} 2',
      '_bucket{pool="a",le="2"} 3',
      '_bucket{pool="a",le="+Inf"} 4',
      '_sum{pool="a"} 10',
      '_count{pool="a"} 4',
    ],
  );
});
