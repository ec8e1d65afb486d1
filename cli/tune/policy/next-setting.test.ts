import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cheapest, nextSetting, type RatedSetting, type TuneGrid, type TuneSetting } from './next-setting.ts';

/** Measures by `rateOf` until the search is done. */
function search(grid: TuneGrid, rateOf: (setting: TuneSetting) => number) {
  const trials: RatedSetting[] = [];
  for (;;) {
    const step = nextSetting(grid, trials);
    if (step.kind === 'done') break;
    const { setting } = step;
    assert.ok(setting.threads * setting.pods <= grid.cores && setting.pods >= 1, JSON.stringify(setting));
    const isNew = !trials.some((trial) =>
      Object.entries(setting).every(([key, value]) => trial[key as 'pods'] === value),
    );
    assert.ok(isNew, `measured twice: ${JSON.stringify(setting)}`);
    trials.push({ ...setting, keptPerSecond: rateOf(setting) });
  }
  return { trials, chosen: cheapest(grid, trials) };
}

/** A server whose rate rises with pods, and keeps `perSecond` from some capacity on. */
const judged =
  (perSecond: number, capacity: (setting: TuneSetting) => number) =>
  (setting: TuneSetting): number =>
    capacity(setting) >= perSecond ? perSecond : 0;

describe('a rate to keep', () => {
  const grid = { cores: 16, maxRows: [64, 16, 1], perSecond: 100 };

  test('one pod of one thread that keeps it ends the search at once', () => {
    const { trials, chosen } = search(grid, () => 100);
    assert.deepEqual(chosen, { threads: 1, maxRows: 64, pods: 1, keptPerSecond: 100 });
    assert.equal(trials.length, 1);
  });

  test('the fewest cores, then the fewest pods, of the whole grid, with a part of it measured', () => {
    for (const needed of [1, 2, 3, 5, 7, 11, 16]) {
      for (const gain of [0.3, 0.6, 1, 1.2]) {
        for (const bestRows of grid.maxRows) {
          const capacity = ({ threads, maxRows, pods }: TuneSetting): number =>
            (pods * threads ** gain * (maxRows === bestRows ? 1 : 0.5) * 100) / needed;
          const { trials, chosen } = search(grid, judged(100, capacity));
          const all = grid.maxRows.flatMap((maxRows) =>
            [1, 2, 4, 8, 16].flatMap((threads) =>
              Array.from({ length: Math.floor(16 / threads) }, (_, index) => ({ threads, maxRows, pods: index + 1 })),
            ),
          );
          const rated = all.map((setting) => ({ ...setting, keptPerSecond: judged(100, capacity)(setting) }));
          const best = cheapest(grid, rated);
          const costOf = (one: TuneSetting | null) => one && [one.threads * one.pods, one.pods];
          assert.deepEqual(costOf(chosen), costOf(best), JSON.stringify({ needed, gain, bestRows }));
          assert.ok(trials.length <= 40 && all.length === 93, `${trials.length} of ${all.length}`);
        }
      }
    }
  });

  test('latency that only threads bring down is found', () => {
    const { chosen } = search(grid, ({ threads }) => (threads >= 4 ? 100 : 0));
    assert.deepEqual(chosen, { threads: 4, maxRows: 64, pods: 1, keptPerSecond: 100 });
  });

  test('where nothing keeps it, each pair of threads and rows is tried with one pod and with the most', () => {
    const { trials, chosen } = search(grid, () => 0);
    assert.equal(chosen, null);
    assert.equal(trials.length, 3 * (2 * 4 + 1));
  });

  test('a machine of one core has one pod of one thread', () => {
    assert.deepEqual(search({ ...grid, cores: 1 }, () => 0).trials.length, 3);
  });
});

describe('the highest rate', () => {
  const grid = { cores: 6, maxRows: [64], perSecond: null };

  test('pods are doubled while the rate rises', () => {
    const { trials } = search(grid, ({ pods }) => 100 * pods);
    assert.deepEqual(
      trials.filter(({ threads }) => threads === 1).map(({ pods }) => pods),
      [1, 2, 4, 6],
    );
    const flat = search(grid, ({ pods }) => 100 + pods);
    assert.deepEqual(
      flat.trials.filter(({ threads }) => threads === 1).map(({ pods }) => pods),
      [1, 2],
    );
  });

  test('the choice is the cheapest within 5% of the highest', () => {
    const rate = ({ threads, pods }: TuneSetting): number => (pods * threads === 2 ? 97 : Math.min(100, 60 * pods));
    assert.deepEqual(search(grid, rate).chosen, { threads: 2, maxRows: 64, pods: 1, keptPerSecond: 97 });
    assert.equal(
      cheapest(grid, [
        { threads: 1, maxRows: 64, pods: 1, keptPerSecond: 94 },
        { threads: 1, maxRows: 64, pods: 2, keptPerSecond: 100 },
      ])?.pods,
      2,
    );
  });

  test('a setting that keeps no rate is no choice, and more of its pods are not tried', () => {
    const { trials, chosen } = search(grid, () => 0);
    assert.equal(chosen, null);
    assert.equal(trials.length, 4);
  });
});
