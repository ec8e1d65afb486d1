import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { casesOf } from './cases.ts';
import { cheapestWithin, fewest, fewestWithin } from './choose.ts';
import type { CaseResults, Named } from './compare.ts';
import type { Job, Result } from './contenders.ts';
import { violationsAt } from './front.ts';
import { goalsOf } from './goals.ts';
import { pareto } from './pareto.ts';
import { report } from './report.ts';
import { runCases } from './run-cases.ts';

const result = (violationPercent: number, podSeconds: number, scaleWrites = 4): Result => ({
  violationPercent,
  podSeconds,
  scaleWrites,
  latePercent: 0,
});
const named = (name: Named['name'], violationPercent: number, podSeconds: number, scaleWrites = 4): Named => ({
  name,
  ...result(violationPercent, podSeconds, scaleWrites),
});

const conv: CaseResults = {
  of: { trace: 'azure-llm-conv', meanPods: 20, coldStartS: 10 },
  clairvoyant: result(0, 1000),
  sluice: result(0.5, 1100, 5),
  percentiles: [
    { ...result(0.5, 1100), percentile: 99.5 },
    { ...result(0.3, 1900), percentile: 99.9 },
  ],
  defaults: [named('hpa', 3, 900), named('kpa', 2, 1500), named('keda', 4, 1500), named('ray', 5, 1500)],
  tuned: [named('hpa', 0.6, 1200), named('kpa', 0.7, 1000), named('keda', 1, 1500), named('ray', 2, 1500)],
  tunedForCost: [named('hpa', 0.6, 1100), named('kpa', 0.4, 1101)],
  tunedForViolations: [named('hpa', 0.6, 1200), named('keda', 0.3, 1900)],
  grids: [named('hpa', 0.6, 1000), named('kpa', 0.4, 1200)],
  fixed: [],
};
const reachedBy = (results: CaseResults): boolean[] => goalsOf(results).map(({ reached }) => reached);

describe('goals', () => {
  test('goals are reached at their limits; only the strictest counts a baseline that has fewer violations and costs more', () => {
    assert.deepEqual(reachedBy(conv), [true, true, true, false, true, true]);
    const ahead: CaseResults = { ...conv, sluice: result(0.3, 1100, 5) };
    assert.deepEqual(reachedBy(ahead), [true, true, true, true, true, true]);
  });

  for (const [what, index, changed] of [
    ['a baseline tuned for that cost is better', 0, { tunedForCost: [named('hpa', 0.49, 1100)] }],
    ['a mixture on the trace itself is better', 1, { sluice: result(0.51, 1100) }],
    ['with more room it costs more', 2, { tunedForViolations: [named('keda', 0.3, 1899)] }],
    ['with more room violations stay more', 2, { tunedForViolations: [named('keda', 0.29, 9000)] }],
    ['above the clairvoyant', 4, { sluice: result(0.5, 1101) }],
    ['above the violations', 4, { sluice: result(0.51, 1000) }],
    ['a write too many', 5, { sluice: result(0.5, 1100, 6) }],
  ] as const) {
    test(`not reached: ${what}`, () => assert.equal(goalsOf({ ...conv, ...changed })[index]!.reached, false));
  }

  test('the bursty trace is judged at equal pod-seconds; a cold start of 3 s has no goal', () => {
    const code: CaseResults = {
      ...conv,
      of: { ...conv.of, trace: 'azure-llm-code' },
      sluice: result(5, 1500),
      grids: [named('hpa', 20, 1000), named('kpa', 0, 2000), named('ray', 50, 1400)],
    };
    assert.equal(violationsAt(code.grids, 1500), 10);
    const half = goalsOf(code).find(({ what }) => what.startsWith('half'))!;
    assert.deepEqual([half.measured, half.reached], ['5.00%, baselines 10.00%', true]);
    assert.deepEqual(goalsOf({ ...conv, of: { ...conv.of, coldStartS: 3 } }), []);
  });
});

describe('tuning', () => {
  const grid = [result(2, 50), result(0.5, 200), result(0.4, 100), result(0.1, 300)];
  test('chooses the cheapest within a limit, the fewest violations within a cost, the fewest violations', () => {
    assert.equal(cheapestWithin(0.5)(grid), 2);
    assert.equal(cheapestWithin(0.05)(grid), 3);
    assert.equal(fewestWithin(250)(grid), 2);
    assert.equal(fewestWithin(10)(grid), 0);
    assert.equal(fewest(grid), 3);
  });
});

test('violations at a cost: those of a cheaper setting or a mixture; null, not 0, where all cost more', () => {
  const grid = [result(10, 100), result(20, 50), result(0, 300)];
  assert.deepEqual(
    [40, 50, 75, 100, 200, 300, 1000].map((podSeconds) => violationsAt(grid, podSeconds)),
    [null, 20, 15, 10, 5, 0, 0],
  );
});

test('the page has each goal, each case and the tuned parameters; the picture has a panel for each case', () => {
  const page = report([conv], [{ name: 'hpa', purpose: 'tuned', coldStartS: 10, parameters: { utilization: 0.6 } }], {
    command: 'npm run bench:scaling',
    picture: 'x.svg',
  });
  assert.match(page, /\| writes of HPA at its defaults \+ 25% \| 1 of 1 \|/);
  assert.match(page, /the strictest: .* \| 0 of 1 \|/);
  assert.match(page, /\| azure-llm-conv \| 20 \| 0\.50% · 1\.100 · 5 \| 3\.00% · 0\.900 · 4 \|/);
  assert.match(page, /\| 10 s \| hpa \| cost within 0\.5% \| utilization 0\.6 \|/);
  assert.equal(pareto([conv]).match(/<g /g)?.length, 1);
});

test('all cases are run, or the chosen ones', () => {
  assert.equal(casesOf({}).length, 27);
  assert.deepEqual(casesOf({ traces: ['azure-llm-code'], means: [5], coldStarts: [30] }), [
    { trace: 'azure-llm-code', meanPods: 5, coldStartS: 30 },
  ]);
});

test('baselines are tuned on the training trace at the same cold start, for each purpose; grids and percentiles where goals are', async () => {
  // Candidates further down the grid cost more and violate less; Sluice costs as much as the third.
  const priced = (index: number): Result => result(10 / (index + 1), 100 * (index + 1));
  const cache = {
    get: ({ of, contender }: Job): Result => {
      if (contender.kind !== 'baseline') return result(1, 300);
      const trained = of.trace === 'azure-llm-conv' && of.meanPods === 20;
      return trained ? priced(contender.candidate ?? 0) : result(contender.candidate ?? 99, 1);
    },
    set: () => assert.fail('all is known'),
  };
  const { results, choices } = await runCases(
    casesOf({ traces: ['mooncake-conversation'], means: [5], coldStarts: [3, 10] }),
    cache,
    () => undefined,
  );
  const [quick, slow] = results;
  const hpa = ({ tuned, tunedForCost, tunedForViolations }: CaseResults): number[] =>
    [tuned, tunedForCost, tunedForViolations].map((chosen) => chosen[0]!.violationPercent);
  assert.deepEqual(
    [hpa(quick!), hpa(slow!)],
    [
      [9, 2, 9],
      [9, 2, 9],
    ],
  );
  assert.deepEqual([quick!.grids.length, quick!.percentiles.length], [0, 1]);
  assert.ok(slow!.grids.length >= 40 && slow!.percentiles.length > 1);
  assert.equal(choices.length, 2 * 3 * 4);
});
