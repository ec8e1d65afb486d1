import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf, rateAt, traffics } from './plan.ts';

const seeds = Array.from({ length: 50 }, (_, index) => index);

test('the same seed gives the same course, another one another', () => {
  assert.deepEqual(planOf(3, 30), planOf(3, 30));
  assert.notDeepEqual(planOf(3, 30), planOf(4, 30));
});

test('phases cover the whole run without a gap, and silence is everyone at zero', () => {
  for (const seed of seeds) {
    const plan = planOf(seed, 30);
    for (const traffic of traffics) {
      const phases = plan.phases[traffic];
      assert.equal(phases[0]!.fromMs, 0);
      assert.equal(phases.at(-1)!.untilMs, plan.endMs);
      for (const [index, { fromMs }] of phases.slice(1).entries()) assert.equal(fromMs, phases[index]!.untilMs);
    }
    const silences = plan.phases.sums.filter(({ kind }) => kind === 'silence');
    assert.ok(silences.length >= 4, `${silences.length} silences`);
    for (const { fromMs } of silences) {
      for (const traffic of traffics) assert.equal(rateAt(plan, traffic, fromMs + 1), 0);
    }
  }
});

test('a rate rises above what two pods carry only along a ramp of a minute', () => {
  for (const seed of seeds) {
    const plan = planOf(seed, 30);
    for (let atMs = 0; atMs + 1_000 < plan.endMs; atMs += 1_000) {
      const [now, next] = [rateAt(plan, 'sums', atMs), rateAt(plan, 'sums', atMs + 1_000)];
      assert.ok(next <= 40 || next - now < 2.4, `seed ${seed}: from ${now} to ${next} at ${atMs} ms`);
    }
  }
});

test('even a run of a minute has a silence, a version, a rollout', () => {
  const { happenings, phases } = planOf(1, 1);
  assert.ok(happenings.some(({ kind }) => kind === 'version'));
  assert.ok(happenings.some(({ kind }) => kind === 'rollout'));
  assert.ok(phases.rare.some(({ kind }) => kind === 'silence'));
});
