import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulate } from '../../simulate/engine.ts';
import { sluiceFor } from '../../simulate/sluice.ts';
import { drawnCases, scenarioOf, trafficOf } from './cases.ts';
import type { Result } from './contenders.ts';
import { runSeasons, seasonCases, seasonGoals, seasonSection, withSection } from './seasons.ts';

const result = (violationPercent: number, podSeconds: number): Result => ({
  violationPercent,
  podSeconds,
  latePercent: 0,
  arrivals: 1000,
  scaleWrites: 3,
  mostPods: 9,
});

describe('seasons', () => {
  test('the same seed draws the same cases, another seed others; both families are there', () => {
    assert.deepEqual(seasonCases(5), seasonCases(5));
    assert.notDeepEqual(seasonCases(5), seasonCases(6));
    const families = new Set(seasonCases(5).map(({ source }) => source.kind === 'family' && source.family));
    assert.deepEqual([...families], ['recurring', 'erratic']);
  });

  test('each case is run with and without the forecast, and the goals judge sums', async () => {
    const results = await runSeasons(seasonCases(1), (jobs) =>
      Promise.resolve(
        jobs.map(({ of, contender }) => {
          const withForecast = contender.kind === 'season' && contender.seasonal;
          const recurs = of.source.kind === 'family' && of.source.family === 'recurring';
          return withForecast && recurs ? result(0.5, 1005) : result(1, 1000);
        }),
      ),
    );
    assert.deepEqual(
      seasonGoals(results).map(({ held, measured }) => `${held} ${measured}`),
      [
        'true 0.500 of the misses at 1.0050 of the pod-seconds',
        'true 1.000 of the misses at 1.0000 of the pod-seconds',
      ],
    );
    const dear = results.map((one) => ({ ...one, withForecast: result(0.5, 1020) }));
    assert.deepEqual(
      seasonGoals(dear).map(({ held }) => held),
      [false, false],
    );
    assert.deepEqual(
      seasonGoals([]).map(({ held }) => held),
      [null, null],
    );
    const section = seasonSection(results, 'abc');
    assert.equal(section.split('\n').filter((line) => /^\| (recurring|erratic) /.test(line)).length, results.length);
  });

  test('the section is put before the tuned baselines, or in place of the one before', () => {
    const page = '# Page\n\nText.\n\n## Tuned baselines\n\nMore.\n';
    const section = seasonSection([], null);
    const first = withSection(page, section);
    assert.equal(first, `# Page\n\nText.\n\n${section}\n## Tuned baselines\n\nMore.\n`);
    assert.equal(withSection(first, section), first);
  });

  test('within hours, where no day can recur, the forecast changes nothing at all', () => {
    const of = {
      ...drawnCases(3, 1)[0]!,
      source: { kind: 'family', family: 'steps', seed: 9, lengthS: 1200 } as const,
    };
    const { arrivalsMs } = trafficOf({ ...of, cost: { a: 100, c: 100 }, objectiveMs: 800, meanPods: 5 });
    const scenario = scenarioOf({ ...of, cost: { a: 100, c: 100 }, objectiveMs: 800, meanPods: 5 }, arrivalsMs);
    const [on, off] = [true, false].map((seasonal) => simulate(scenario, arrivalsMs, sluiceFor(99.5, { seasonal })()));
    assert.deepEqual(on, off);
  });
});
