import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparePolicies } from './compare.ts';
import { picture } from './picture.ts';
import { jsonReport, comparisonTable } from './report.ts';
import { sluiceFor } from './sluice.ts';
import { scenarioWith } from './testing/scenario.ts';

const scenario = scenarioWith({
  cost: { a: 100, c: 50 },
  objectiveMs: 700,
  maxRows: 4,
  coldStartSigma: 0.1,
  initialReplicas: 2,
});
const arrivalsMs = Float64Array.from({ length: 600 }, (_, index) => index * 50);
const comparison = comparePolicies({
  scenario,
  arrivalsMs,
  trainingMs: arrivalsMs.subarray(0, 200),
  limitPercent: 1,
  policies: ['sluice', 'hpa'],
  sluice: sluiceFor(99.5),
  onProgress: () => undefined,
});
const [sluice, hpa] = comparison.policies;

test('JSON has the documented fields, and its sums add up', () => {
  const report = jsonReport({ trace: 'a.csv', coldStartSeconds: 1 }, comparison) as {
    trace: string;
    clairvoyantLate: number;
    lowerBoundPodSeconds: number;
    clairvoyantPodSeconds: number;
    clairvoyantOverLowerBound: number;
    reactiveOracle: Record<string, number>;
    policies: Record<string, number | string | boolean>[];
  };
  assert.equal(report.trace, 'a.csv');
  assert.equal(report.clairvoyantLate, 0);
  const { lowerBoundPodSeconds, clairvoyantPodSeconds, clairvoyantOverLowerBound } = report;
  assert.ok(Math.abs(clairvoyantOverLowerBound - clairvoyantPodSeconds / lowerBoundPodSeconds) < 1e-3);
  assert.ok(lowerBoundPodSeconds > 0 && clairvoyantOverLowerBound >= 1);
  assert.equal(report.reactiveOracle.offered, 600);
  assert.deepEqual(
    report.policies.map(({ policy, tuned }) => [policy, tuned]),
    [
      ['sluice', false],
      ['hpa', true],
    ],
  );
  for (const policy of report.policies) {
    const { offered, late, shed, failed, violationPercent } = policy as Record<string, number>;
    assert.equal(offered, 600);
    assert.ok(Math.abs(violationPercent! - (100 * (late! + shed! + failed!)) / 600) < 1e-3);
    assert.ok(Number.isFinite(policy.podSecondsOverClairvoyant) && Number.isInteger(policy.scaleWrites));
  }
});

test('the table has a line for each policy, after the lower bound, the clairvoyant and the reactive oracle', () => {
  const lines = comparisonTable(comparison).split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(/ {2,}/)[0]),
    ['policy', 'lower bound', 'clairvoyant', 'reactive oracle', 'sluice', 'hpa (tuned)'],
  );
  assert.match(lines[2]!, / 0\.00% .* 1\.000 /);
});

test('the picture is well-formed, draws every policy, and escapes its title', () => {
  const svg = picture('<a> & b', arrivalsMs, comparison);
  assert.ok(svg.includes('&lt;a&gt; &amp; b') && !svg.includes('<a>'));
  assert.equal(svg.match(/<path fill="none" stroke="#/g)?.length, 3, 'three staircases');
  for (const name of ['clairvoyant', 'sluice', 'hpa (tuned)']) assert.ok(svg.includes(`>${name}`), name);
  assert.ok(!/NaN|Infinity|undefined/.test(svg));
  const opened = svg.match(/<(?!\/|svg)[a-z]+[^>]*[^/]>/g)?.length;
  assert.equal(svg.match(/<\/(?!svg)[a-z]+>/g)?.length, opened, 'every element is closed');
  assert.ok(sluice!.result.replicas.length > 0 && hpa!.tuned !== null);
});
