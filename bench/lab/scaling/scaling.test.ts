import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { shortFamilies } from '../../simulate/families/family-trace.ts';
import { grid } from '../../simulate/tune.ts';
import { coldStartsS, drawnCases, scenarioOf, traceCases, trafficOf, type Case } from './cases.ts';
import type { Job, Result } from './contenders.ts';
import { beats, goalsOf } from './goals.ts';
import { appendToLog } from './log.ts';
import { policyHash, seedOf } from './policy-hash.ts';
import { report } from './report.ts';
import { runCases, type CaseResults } from './run-cases.ts';
import { best, kinds, purposes, type Tuned } from './tuning.ts';

const result = (violationPercent: number, podSeconds: number, scaleWrites = 4, mostPods = 10): Result => ({
  violationPercent,
  podSeconds,
  scaleWrites,
  mostPods,
  latePercent: 0,
  arrivals: 1000,
});
const caseOf = (family: (typeof shortFamilies)[number], coldStartS: Case['coldStartS'] = 10): Case => ({
  ...drawnCases(1, 1)[0]!,
  source: { kind: 'family', family, seed: 1, lengthS: 1200 },
  coldStartS,
  minReplicas: 1,
});

describe('cases', () => {
  test('the same seed draws the same cases, another seed others; families take turns, and every value occurs', () => {
    const cases = drawnCases(7, 200);
    assert.deepEqual(drawnCases(7, 200), cases);
    assert.deepEqual(drawnCases(7, 30), cases.slice(0, 30));
    assert.notDeepEqual(drawnCases(8, 200), cases);
    const values = (of: (one: Case) => unknown): number => new Set(cases.map(of)).size;
    assert.equal(
      values(({ source }) => source.kind === 'family' && source.family),
      shortFamilies.length,
    );
    assert.equal(
      values(({ source }) => source.kind === 'family' && source.seed),
      200,
    );
    assert.deepEqual(
      [values(({ cost }) => cost.a), values(({ meanPods }) => meanPods), values(({ coldStartS }) => coldStartS)],
      [3, 3, 3],
    );
    for (const { objectiveMs, cost, source, minReplicas, meanPods } of [...cases, ...traceCases(7)]) {
      assert.ok(objectiveMs >= 300 && objectiveMs <= 2000 && 2 * (cost.a + cost.c) < objectiveMs);
      assert.ok(source.kind !== 'family' || (source.lengthS >= 1200 && source.lengthS <= 3600));
      assert.ok(minReplicas >= 1 && minReplicas <= meanPods);
    }
  });

  test('traffic has the rate that the mean of pods carries, and all pods of the first minute are there', () => {
    const of = { ...caseOf('steps'), cost: { a: 100, c: 100 }, objectiveMs: 800, meanPods: 5, minReplicas: 4 };
    const { arrivalsMs, curve } = trafficOf(of);
    const perSecond = (1000 * arrivalsMs.length) / arrivalsMs.at(-1)!;
    assert.ok(Math.abs(perSecond / 37.5 - 1) < 0.03, `${perSecond}`);
    assert.equal(curve().perSecond.length, 12_000);
    assert.ok(scenarioOf(of, arrivalsMs).initialReplicas >= 4);
  });
});

test('the hash is that of the policy as it is simulated; a change of a byte is another seed', (context) => {
  const root = mkdtempSync(path.join(tmpdir(), 'sluice-hash-'));
  context.after(() => rmSync(root, { recursive: true }));
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };
  write('bench/simulate/sluice.ts', `import { decide } from '../../scaler/policy/decide.ts';\n`);
  write('scaler/policy/decide.ts', `import { window } from './windows.ts';\n`);
  write('scaler/policy/windows.ts', 'one');
  write('scaler/policy/versions.ts', 'which version answers');
  const first = policyHash(root);
  write('scaler/policy/versions.ts', 'what no simulation runs');
  write('scaler/policy/windows.test.ts', 'test');
  assert.equal(policyHash(root), first);
  write('scaler/policy/windows.ts', 'two');
  assert.notEqual(seedOf(policyHash(root)), seedOf(first));
});

describe('tuning', () => {
  const tried = [result(2, 50), result(0.5, 200), result(0.4, 100), result(0.1, 300)];
  test('for the promise: the cheapest that keeps it, else the fewest misses; for cost: the fewest within it, else the cheapest', () => {
    assert.equal(best(tried, 'promise', result(0, 1)), 2);
    assert.equal(best([result(2, 50), result(1, 900)], 'promise', result(0, 1)), 1);
    assert.equal(best(tried, 'cost', result(0, 160)), 2);
    assert.equal(best(tried, 'cost', result(0, 240)), 3);
    assert.equal(best(tried, 'cost', result(0, 1)), 0);
  });

  test('tuned.json has a setting of the grid for each kind of traffic, start, baseline and purpose', () => {
    const tuned = JSON.parse(readFileSync(new URL('tuned.json', import.meta.url), 'utf8')) as readonly Tuned[];
    const scenario = scenarioOf(caseOf('steps'), new Float64Array());
    const keys = new Set(tuned.map((one) => [one.kind, one.coldStartS, one.name, one.purpose].join(' ')));
    assert.equal(keys.size, kinds.length * coldStartsS.length * 4 * purposes.length);
    for (const { name, candidate, parameters } of tuned) {
      assert.deepEqual(Object.keys(grid(name, scenario)[candidate]!.parameters), Object.keys(parameters));
      if (name === 'hpa') assert.deepEqual(grid(name, scenario)[candidate]!.parameters, parameters);
    }
  });
});

const drifting: CaseResults = {
  of: caseOf('days'),
  sluice: result(0.3, 1100, 5),
  before: result(0.4, 1200),
  hpa: result(0.5, 1000),
  tuned: [{ name: 'hpa', purpose: 'promise', result: result(0.4, 1200), sluice: result(0.3, 1100) }],
  oracle: result(0.1, 1050),
  clairvoyant: { ...result(0, 1000), leastPodSeconds: 800 },
};
const stepping: CaseResults = {
  ...drifting,
  of: caseOf('steps'),
  sluice: result(1.1, 1200, 5, 13),
  before: result(1.8, 1200),
  hpa: result(2, 1400),
  oracle: result(0.5, 1000),
  clairvoyant: null,
};
const held = (all: readonly CaseResults[], what: RegExp): boolean | null =>
  goalsOf(all, []).find((goal) => what.test(goal.what))!.held;

describe('goals', () => {
  const goals = {
    default: /HPA at its defaults, in any case/,
    tuned: /tuned baseline/,
    drift: /drift, cold start 10 s/,
    steps: /twice the reactive oracle/,
    before: /half of the misses of before/,
    overshoot: /highest rate/,
    writes: /^writes/,
  };

  test('they hold at their limits, and are not measured where no case is', () => {
    for (const what of Object.values(goals)) assert.equal(held([drifting, stepping], what), true, String(what));
    assert.equal(held([drifting], goals.steps), null);
    assert.equal(held([stepping], goals.drift), null);
    assert.equal(held([stepping], /spikes of/), null);
    assert.equal(held([stepping], /by copies/), null);
  });

  for (const [goal, all] of [
    ['default', [drifting, { ...stepping, hpa: result(1.04, 1187) }]],
    ['tuned', [drifting, { ...stepping, tuned: [{ ...drifting.tuned[0]!, result: result(0.2, 1000) }] }]],
    ['drift', [{ ...drifting, sluice: result(0.51, 1000) }]],
    ['drift', [{ ...drifting, sluice: result(0.3, 1151) }]],
    ['steps', [{ ...stepping, sluice: result(1.11, 1200) }]],
    ['steps', [{ ...stepping, sluice: result(1, 1251) }]],
    ['before', [{ ...stepping, before: result(1.6, 1200) }]],
    ['before', [{ ...stepping, before: result(1.8, 1199) }]],
    ['overshoot', [{ ...stepping, sluice: result(1, 1000, 5, 14) }]],
    ['writes', [{ ...stepping, sluice: result(1, 1000, 6) }]],
  ] as const) {
    test(`not held: ${goal}, ${JSON.stringify(all.at(-1)!.sluice)}`, () => assert.equal(held(all, goals[goal]), false));
  }

  test('a little better on one count, or on both by less than counts, is not better', () => {
    assert.equal(beats(result(0.94, 980), result(1, 1000)), true);
    assert.equal(beats(result(0.96, 980), result(1, 1000)), false);
    assert.equal(beats(result(0.5, 995), result(1, 1000)), false);
    assert.equal(beats(result(0.5, 1001), result(1, 1000)), false);
  });

  test('a tuned baseline is held against Sluice with as many least replicas, not against the case’s own', () => {
    const tuned = [{ ...drifting.tuned[0]!, result: result(0.2, 1000), sluice: result(0.1, 1500) }];
    assert.equal(held([{ ...drifting, tuned }], goals.tuned), true);
  });
});

test('the page has each goal, each case and the tuned parameters; the log gets a line for each run', (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-log-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const all = [drifting, stepping];
  const tuned = [
    {
      kind: 'steps',
      coldStartS: 10,
      name: 'hpa',
      purpose: 'cost',
      candidate: 3,
      minShare: 0.5,
      parameters: { utilization: 0.6 },
    },
  ] as const;
  const goals = goalsOf(all, [{ trace: 'azure-llm-conv', result: result(0.5, 33_719) }]);
  const page = report(
    { command: 'npm run bench:scaling', hash: 'abcdef', beforeCommit: '1234' },
    { all, goals, tuned },
  );
  assert.match(page, /\| steps: misses at most twice .* \| yes \| held in 1 of 1 \|/);
  assert.match(page, /azure-llm-conv at 5 pods.* \| \*\*no\*\* \| 0\.500% at 1\.000 \|/);
  assert.match(page, /clairvoyant has 1\.250 times the pod-seconds/);
  assert.match(page, /\| steps 1 \| \d+ \| 10 s \|/);
  assert.match(page, /\| steps \| 10 s \| hpa \| cost \| utilization 0\.6, least replicas 0\.5 of the mean \|/);
  const file = path.join(folder, 'log.md');
  for (const hash of ['aaaa', 'bbbb']) appendToLog(file, { at: new Date(0), hash, all, goals });
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  assert.match(lines.at(-2)!, /^\| 1970-01-01T00:00Z \| `aaaa` \| 2 \| 0\.700% \|/);
  assert.match(lines.at(-1)!, /`bbbb`/);
});

test('each case meets all contenders at equal least replicas; the clairvoyant runs where load drifts only', async () => {
  const [calm, rough] = [caseOf('days'), caseOf('steps')];
  const tuned = [
    { kind: 'steps', coldStartS: 10, name: 'hpa', purpose: 'cost', candidate: 3, minShare: 1, parameters: {} },
    { kind: 'steps', coldStartS: 30, name: 'ray', purpose: 'cost', candidate: 3, minShare: 0, parameters: {} },
  ] as const;
  const ran: Job[] = [];
  const run = (jobs: readonly Job[]): Promise<Result[]> => {
    ran.push(...jobs);
    const missed = ({ of, contender }: Job): number =>
      contender.kind === 'oracle' && of.source.kind === 'family' && of.source.family === 'steps' ? 1 : 0.2;
    return Promise.resolve(jobs.map((job) => result(missed(job), 1000 + job.of.minReplicas)));
  };
  const [first, second] = await runCases({ cases: [calm, rough], tuned, hasBefore: true, run });
  assert.deepEqual([first!.clairvoyant !== null, second!.clairvoyant], [true, null]);
  assert.deepEqual([first!.tuned.length, second!.tuned.length], [0, 1]);
  const least = Math.max(1, rough.meanPods);
  assert.equal(second!.tuned[0]!.result.podSeconds, 1000 + least);
  assert.equal(second!.tuned[0]!.sluice.podSeconds, 1000 + least);
  assert.equal(second!.sluice.podSeconds, 1001);
  assert.equal(new Set(ran.map((job) => JSON.stringify(job))).size, ran.length, 'nothing is run twice');
});
