import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { podRequestsPerSecond } from '../../simulate/capacity.ts';
import { simulate } from '../../simulate/engine.ts';
import { sluice } from '../../simulate/sluice.ts';
import { copiedTrace } from '../../simulate/testing/copied-trace.ts';
import { parseTrace } from '../../simulate/trace.ts';
import { model, scenarioOf } from './cases.ts';

/**
 * Traces scaled by copies of their arrivals, with cold starts of 10 s: by that method the policy was tuned, and later
 * changes must not lose what it reached. The limits are those of 27 November 2026, but for the 0.525%: it was 0.50%, and
 * changes of admission since made it 0.521%. The clairvoyant's pod-seconds are kept here, since it takes half a minute to find.
 */
for (const [trace, meanPods, mostPercent, mostOfClairvoyant, clairvoyantPodSeconds] of [
  ['azure-llm-conv', 5, 0.425, 1.076, 33_719],
  ['mooncake-conversation', 5, 0.525, 1.115, 37_669],
  ['azure-llm-code', 20, 1.955, 3.605, 251_742],
] as const) {
  test(`${trace} at ${meanPods} pods: at most ${mostPercent}% missed at ${mostOfClairvoyant} of the clairvoyant`, () => {
    const file = new URL(`../../traces/${trace}.csv`, import.meta.url);
    const stampsMs = parseTrace(readFileSync(file, 'utf8'), trace);
    const perSecond = (1000 * stampsMs.length) / stampsMs.at(-1)!;
    const arrivalsMs = copiedTrace(stampsMs, (meanPods * podRequestsPerSecond(model)) / perSecond, 1);
    const result = simulate(scenarioOf({ trace, meanPods, coldStartS: 10 }, arrivalsMs), arrivalsMs, sluice());
    const ratio = result.podSeconds / clairvoyantPodSeconds;
    assert.ok(
      result.violationPercent < mostPercent && ratio < mostOfClairvoyant,
      `${result.violationPercent.toFixed(3)}% at ${ratio.toFixed(4)}`,
    );
  });
}
