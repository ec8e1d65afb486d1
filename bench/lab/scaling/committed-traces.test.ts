import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from '../../simulate/engine.ts';
import { sluice } from '../../simulate/sluice.ts';
import { copiedCase, scenarioOf, trafficOf } from './cases.ts';
import { copiedLimits } from './copied-limits.ts';

for (const {
  trace,
  meanPods,
  tested: [percent, ofClairvoyant],
  clairvoyantPodSeconds,
} of copiedLimits) {
  test(`${trace} at ${meanPods} pods, by copies: at most ${percent}% missed at ${ofClairvoyant} of the clairvoyant`, () => {
    const of = copiedCase(trace, meanPods);
    const { arrivalsMs } = trafficOf(of);
    const result = simulate(scenarioOf(of, arrivalsMs), arrivalsMs, sluice());
    const ratio = result.podSeconds / clairvoyantPodSeconds;
    assert.ok(
      result.violationPercent < percent && ratio < ofClairvoyant,
      `${result.violationPercent.toFixed(3)}% at ${ratio.toFixed(4)}`,
    );
  });
}
