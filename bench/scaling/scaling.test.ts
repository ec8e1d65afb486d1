import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { casesOf } from './choose-cases.ts';
import { goalsOf, violationsAt, type CaseResults, type Named } from './compare.ts';
import type { Job, Result } from './contenders.ts';
import { pareto } from './pareto.ts';
import { report } from './report.ts';
import { runJobs } from './run-jobs.ts';

const result = (violationPercent: number, podSeconds: number, scaleWrites = 4): Result => ({
  ...{ violationPercent, podSeconds, scaleWrites, latePercent: 0 },
});
const named = (name: Named['name'], violationPercent: number, podSeconds: number, scaleWrites = 4): Named => ({
  name,
  ...result(violationPercent, podSeconds, scaleWrites),
});

const conv: CaseResults = {
  of: { trace: 'azure-llm-conv', meanPods: 20, coldStartS: 10 },
  clairvoyant: result(0, 1000),
  sluice: result(0.5, 1100, 5),
  defaults: [named('hpa', 3, 900), named('kpa', 2, 1500), named('keda', 4, 1500), named('ray', 5, 1500)],
  tuned: [named('hpa', 0.6, 1200), named('kpa', 0.7, 1000), named('keda', 1, 1500), named('ray', 2, 1500)],
  grids: [],
  fixed: [],
};

describe('goals', () => {
  test('all reached, each at its very limit', () => {
    assert.deepEqual(
      goalsOf(conv).map(({ reached }) => reached),
      [true, true, true],
    );
  });

  for (const [what, sluice, index] of [
    ['more pod-seconds than the best', result(0.5, 1201), 0],
    ['more violations than the best', result(0.61, 1000), 0],
    ['above the clairvoyant', result(0.5, 1101), 1],
    ['above the violations', result(0.51, 1000), 1],
    ['a write too many', result(0.5, 1100, 6), 2],
  ] as const) {
    test(`not reached: ${what}`, () => assert.equal(goalsOf({ ...conv, sluice })[index]!.reached, false));
  }

  test('the trace of bursts is judged at equal pod-seconds; a cold start of 3 s has no goal', () => {
    const code: CaseResults = {
      ...conv,
      of: { ...conv.of, trace: 'azure-llm-code' },
      sluice: result(5, 1500),
      grids: [named('hpa', 20, 1000), named('kpa', 0, 2000), named('ray', 50, 1400)],
    };
    assert.equal(violationsAt(code.grids, 1500), 10);
    assert.deepEqual(goalsOf(code).map(({ measured }) => measured)[1], '5.00%, baselines 10.00%');
    assert.equal(goalsOf(code)[1]!.reached, true);
    assert.deepEqual(goalsOf({ ...conv, of: { ...conv.of, coldStartS: 3 } }), []);
  });
});

test('violations at a cost: of the cheaper, or of a mixture; nobody so cheap is not nobody in violation', () => {
  const grid = [result(10, 100), result(20, 50), result(0, 300)];
  assert.deepEqual(
    [40, 50, 75, 100, 200, 300, 1000].map((podSeconds) => violationsAt(grid, podSeconds)),
    [...[null, 20, 15, 10, 5, 0, 0]],
  );
});

test('the page says each goal, each case and what was chosen; the picture has a panel for each case', () => {
  const page = report([conv], [{ name: 'hpa', coldStartS: 10, parameters: { utilization: 0.6 } }], {
    command: 'npm run bench:scaling',
    picture: 'x.svg',
  });
  assert.match(page, /Goals: 3 of 3 reached/);
  assert.match(page, /\| azure-llm-conv \| 20 \| 0\.50% · 1\.100 · 5 \| 3\.00% · 0\.900 · 4 \|/);
  assert.match(page, /\| 10 s \| hpa \| utilization 0\.6 \|/);
  assert.equal(pareto([conv]).match(/<g /g)?.length, 1);
});

test('cases by name; what is none of them is named', () => {
  assert.equal(casesOf({}).length, 27);
  assert.deepEqual(casesOf({ traces: 'azure-llm-code', means: '5', 'cold-starts': '30' }), [
    { trace: 'azure-llm-code', meanPods: 5, coldStartS: 30 },
  ]);
  assert.throws(() => casesOf({ means: '5,7' }), /--means must be of 5, 20, 50, was: "7"/);
});

test('jobs run in threads, on a trace as it is in the tree; what is known is not run again', async () => {
  const of = { trace: 'azure-llm-code', meanPods: 5, coldStartS: 10 } as const;
  const jobs = [10, 40].map((replicas): Job => ({ of, contender: { kind: 'fixed', replicas } }));
  const known = new Map<string, Result>();
  const cache = {
    get: (job: Job) => known.get(JSON.stringify(job)),
    set: (job: Job, one: Result) => void known.set(JSON.stringify(job), one),
  };
  const [few, many] = await runJobs(jobs, cache, () => undefined);
  assert.ok(few!.violationPercent > many!.violationPercent && many!.podSeconds > 3.9 * few!.podSeconds);
  assert.equal(few!.scaleWrites, 0);
  const ran: number[] = [];
  assert.deepEqual(await runJobs(jobs, cache, (done) => ran.push(done)), [few, many]);
  assert.deepEqual(ran, []);
});
