import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { isLost, judge, nextTrial, type Next, type SearchPlan, type RateTrial } from './find-max.ts';

const plan: SearchPlan = { startPerSecond: 100, tolerance: 0.05, confirmations: 3 };

function search(keeps: (perSecond: number, purpose: RateTrial['purpose']) => boolean): {
  end: Next;
  trials: RateTrial[];
} {
  const trials: RateTrial[] = [];
  for (;;) {
    const next = nextTrial(plan, trials);
    if (next.kind !== 'trial') return { end: next, trials };
    assert.ok(trials.length < 60, 'it does not end');
    const { perSecond, purpose } = next;
    trials.push({ perSecond, purpose, kept: keeps(perSecond, purpose) });
  }
}

describe('the highest rate', () => {
  for (const limit of [0.7, 3, 99, 100, 101, 1234, 20_000]) {
    test(`of a server that carries ${limit}/s`, () => {
      const { end } = search((perSecond) => perSecond <= limit);
      assert.equal(end.kind, 'found');
      assert.ok(end.perSecond <= limit && end.perSecond >= limit / 1.05, String(end.perSecond));
    });
  }

  test('a rate that kept the objective by luck is not confirmed, and a lower one is found', () => {
    const { end, trials } = search((perSecond, purpose) => perSecond <= (purpose === 'search' ? 1000 : 800));
    assert.equal(end.kind, 'found');
    assert.ok(end.perSecond <= 800 && end.perSecond > 700, String(end.perSecond));
    assert.ok(
      trials.filter(({ perSecond, purpose }) => perSecond === end.perSecond && purpose === 'confirm').length >= 2,
    );
  });

  test('near the limit, where trials go either way, the search ends close to it', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 50; round += 1) {
      const { end } = search((perSecond) => random() < 1 / (1 + Math.exp((perSecond - 500) / 20)));
      assert.equal(end.kind, 'found');
      assert.ok(end.perSecond > 350 && end.perSecond < 620, String(end.perSecond));
    }
  });

  test('a server that keeps the objective at no rate', () => {
    assert.equal(search(() => false).end.kind, 'none');
  });
});

test('requests without a good answer in time miss the objective, however they ended', () => {
  const objective = { latencyMs: 100, percentile: 99 };
  assert.deepEqual(judge(objective, 1000, 990), { kept: true, inTimePercent: 99 });
  assert.equal(judge(objective, 1000, 989).kept, false);
  assert.equal(judge(objective, 0, 0).kept, false);
  assert.equal(isLost(objective, 1000, 11), false);
  assert.equal(isLost(objective, 1000, 12), true);
});
