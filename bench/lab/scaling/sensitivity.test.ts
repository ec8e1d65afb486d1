import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from '../../simulate/engine.ts';
import { sluice } from '../../simulate/sluice.ts';
import { scenarioOf, trafficOf, type Case } from './cases.ts';
import type { Contender, Job, Result } from './contenders.ts';
import { effectOf, sensitivities, sensitivityPage, smallCases, verdictOf } from './sensitivity.ts';
import { constantNames, multiplied, policyConstants, variantPolicy } from './variants.ts';

const source = `import { a } from './a.ts';
/** Time. */
const keepMs = 180_000;
export const most = 2 * keepMs;
const spans = [1, 2] as const;
const text = '3';
  const inner = 4;
`;

test('constants are the numbers at the top of a file; one of them is multiplied, and nothing else', () => {
  assert.deepEqual(constantNames(source), ['keepMs', 'most']);
  const changed = multiplied(source, 'keepMs', 0.5);
  assert.equal(changed, source.replace('= 180_000;', '= 0.5 * (180_000);'));
  assert.throws(() => multiplied(source, 'spans', 0.5), /no numeric constant spans/);
});

test("the policy's constants are found, those of faults and of days left out", () => {
  const names = policyConstants().map(({ file, name }) => `${file.replace('scaler/policy/', '')} ${name}`);
  for (const name of ['idle-times.ts maxRestartMs', 'forecast.ts coveredByKept', 'windows.ts evidenceBeyond']) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(names.every((name) => !/^(?:doubt|merge|seasonal)/.test(name)));
});

test('a variant by one is the policy; half the cost of a restart keeps pods for less', async () => {
  const of: Case = {
    source: { kind: 'family', family: 'on-off', seed: 3, lengthS: 1200 },
    cost: { a: 100, c: 100 },
    objectiveMs: 800,
    meanPods: 5,
    coldStartS: 10,
    minReplicas: 1,
  };
  const { arrivalsMs } = trafficOf(of);
  const scenario = scenarioOf(of, arrivalsMs);
  const constant = { file: 'scaler/policy/idle-times.ts', name: 'maxRestartMs' };
  const [same, half] = [1, 0.5].map((factor) => variantPolicy({ ...constant, factor }));
  const base = simulate(scenario, arrivalsMs, sluice());
  assert.deepEqual(simulate(scenario, arrivalsMs, (await same!)()), base);
  assert.ok(simulate(scenario, arrivalsMs, (await half!)()).podSeconds < base.podSeconds);
});

const result = (violationPercent: number, podSeconds: number): Result => {
  return { violationPercent, podSeconds, latePercent: 0, arrivals: 1, scaleWrites: 0, mostPods: 1 };
};

test('effects are means over cases, and belong to the constant that was changed', async () => {
  const constants = ['one', 'two'].map((name) => ({ file: 'scaler/policy/x.ts', name }));
  const run = (jobs: readonly Job[]): Promise<Result[]> => Promise.resolve(jobs.map((job) => resultOf(job.contender)));
  const resultOf = (contender: Contender): Result => {
    if (contender.kind !== 'variant') return result(1, 100);
    const { name, factor } = contender.variant;
    return name === 'one' ? result(1, 100) : result(factor, 100 / factor);
  };
  const all = await sensitivities(smallCases(1, 1), constants, run);
  assert.deepEqual(
    all.map(({ constant, effects }) => [constant.name, verdictOf(effects)]),
    [
      ['one', 'none'],
      ['two', 'steep'],
    ],
  );
  assert.deepEqual(all[1]!.effects[0], { points: -0.5, ratio: 2 });
  assert.match(sensitivityPage(all, { command: 'c', hash: 'h', cases: 8 }), /\| `two` \| x\.ts \| −0\.500 · 2\.000 \|/);
});

test('changes that cancel out are none; the mean decides', () => {
  assert.deepEqual(effectOf([result(1, 50), result(3, 150)], [result(2, 100), result(2, 100)]), {
    points: 0,
    ratio: 1,
  });
});

test('small cases are drawn from each family, as many as asked for', () => {
  const families = smallCases(7, 2).map(({ source: of }) => (of.kind === 'family' ? of.family : ''));
  assert.equal(families.length, 16);
  assert.equal(new Set(families).size, 8);
});
