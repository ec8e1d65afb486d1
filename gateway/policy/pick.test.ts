import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { pickPod, type PickInput, type PickLoad } from './pick.ts';

const pod = (ownRemainingMs: number, queuedRows = 0): PickLoad => ({ ownRemainingMs, queuedRows });

/** Picks with these random draws, and fails if more are asked for. */
function pick(given: Partial<PickInput<PickLoad>>, ...draws: number[]): PickLoad | undefined {
  let drawn = 0;
  return pickPod({
    idle: [],
    available: [],
    fits: () => true,
    load: (candidate) => candidate,
    rowMs: 1,
    random: () => {
      assert.ok(drawn < draws.length, 'no more draws than needed');
      return draws[drawn++]!;
    },
    ...given,
  });
}

test('no pod, or a single one, needs no draw', () => {
  assert.equal(pick({}), undefined);
  const only = pod(1_000);
  assert.equal(pick({ idle: [only] }), only);
});

test('of two the one that is done first, whichever was drawn first', () => {
  const [slow, fast] = [pod(10), pod(5)];
  for (const first of [0, 0.999]) {
    assert.equal(pick({ idle: [slow, fast] }, first, 0), fast);
    assert.equal(pick({ idle: [fast, slow] }, first, 0.999), fast);
  }
});

test('of two that are done at once, the one drawn first', () => {
  const [one, other] = [pod(5), pod(5)];
  assert.equal(pick({ idle: [one, other] }, 0, 0), one);
  assert.equal(pick({ idle: [one, other] }, 0.5, 0), other);
});

test('rows that others have waiting there count by what a row costs', () => {
  const [busy, crowded] = [pod(10, 0), pod(0, 40)];
  assert.equal(pick({ idle: [busy, crowded], rowMs: 0.2 }, 0, 0), crowded);
  assert.equal(pick({ idle: [busy, crowded], rowMs: 0.5 }, 0, 0), busy);
});

test('an idle pod that fits comes before any busy one; without one, the busy ones', () => {
  const [idle, busy, other] = [pod(50), pod(1), pod(2)];
  assert.equal(pick({ idle: [idle], available: [busy] }), idle);
  assert.equal(pick({ available: [other, busy] }, 0, 0), busy);
  assert.equal(pick({ idle: [idle], available: [busy], fits: (one) => one !== idle }), busy);
});

test('pods that do not fit are never picked, however few others there are', () => {
  const pods = Array.from({ length: 50 }, (_, ms) => pod(ms));
  const random = seededRandom(3);
  for (let draw = 0; draw < 200; draw += 1) {
    const fits = (one: PickLoad): boolean => one.ownRemainingMs >= 48;
    assert.equal(pick({ idle: pods, fits, random }), pods[48]);
  }
  assert.equal(pick({ idle: pods, available: pods, fits: () => false, random }), undefined);
});

test('two different pods are drawn, each as often', () => {
  const random = seededRandom(1);
  const same = Array.from({ length: 5 }, () => pod(0));
  const counts = new Array<number>(5).fill(0);
  for (let draw = 0; draw < 5_000; draw += 1) counts[same.indexOf(pick({ idle: same, random })!)]! += 1;
  for (const count of counts) assert.ok(count > 850 && count < 1150, counts.join(', '));
});

test('the worst is never picked, and the best not always: gateways do not all choose the same', () => {
  const random = seededRandom(2);
  const candidates = [pod(1), pod(2), pod(3), pod(4)];
  const counts = new Array<number>(4).fill(0);
  for (let draw = 0; draw < 6_000; draw += 1) counts[candidates.indexOf(pick({ idle: candidates, random })!)]! += 1;
  assert.equal(counts[3], 0);
  // Chances to be the better of two drawn out of four: 1/2 for the best, then 1/3, then 1/6.
  [3_000, 2_000, 1_000].forEach((expected, index) => {
    assert.ok(Math.abs(counts[index]! - expected) < 150, counts.join(', '));
  });
});
