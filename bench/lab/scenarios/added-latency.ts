import { alternate } from '../rig/alternate.ts';
import { spread } from '../../load-test/spread.ts';
import { binaryRows, rowInputs } from '../rig/bodies.ts';
import { runLoad } from '../../load-test/run.ts';
import { startProxy, startSluice } from '../rig/systems.ts';
import { medianText } from './render.ts';
import type { BenchScenario } from './scenario.ts';

const perSecond = 200;
const warmUpMs = 1_000;

export const addedLatencyScenario: BenchScenario = {
  name: 'added-latency',
  title: 'Latency that the gateway adds',
  how:
    `${perSecond} requests/s, Poisson, single rows of mlp, binary, sent at fixed times to the gateway, to its pod, and to a bare proxy in ` +
    'front of the pod (`bench/lab/rig/proxy.ts`) in turns; latencies count from when a request should have left. One pod. The difference of the ' +
    'percentiles of one round.',
  run: async (bench) => {
    const sluice = await bench.cleanup.track(startSluice({ models: ['mlp'], pods: 1 }));
    const { rounds, durationMs } = bench.quick ? { rounds: 3, durationMs: 2_000 } : { rounds: 7, durationMs: 8_000 };
    const side = (origin: string) => () => runSide(origin, durationMs);
    bench.say(`  ${rounds} rounds of ${durationMs / 1000} s`);
    const pod = sluice.pods[0]!.origin;
    const proxy = await bench.cleanup.track(startProxy(pod));
    const sides = { gateway: side(sluice.origin), pod: side(pod), proxy: side(proxy.origin) };
    const samples = await alternate(sides, rounds);
    await bench.cleanup.stop(proxy);
    await bench.cleanup.stop(sluice);
    type Key = 'p50Ms' | 'p99Ms';
    const added = (by: 'gateway' | 'proxy', key: Key) =>
      spread(samples[by].map((one, round) => one[key] - samples.pod[round]![key]));
    const of = (key: Key | 'lagP99Ms', which: keyof typeof sides) =>
      medianText(samples[which].map((sample) => sample[key]));
    const lag = `requests left late by up to ${of('lagP99Ms', 'gateway')} and ${of('lagP99Ms', 'pod')} ms at the 99th percentile`;
    return {
      lines: [
        {
          what: 'p99, through the gateway − at the pod',
          value: added('gateway', 'p99Ms'),
          unit: 'ms',
          goal: { kind: 'at most', value: 1 },
          beside: `p99 ${of('p99Ms', 'gateway')} ms, at the pod ${of('p99Ms', 'pod')} ms; ${lag}`,
        },
        {
          what: 'p99, through the bare proxy − at the pod',
          value: added('proxy', 'p99Ms'),
          unit: 'ms',
          goal: null,
          beside: `p99 ${of('p99Ms', 'proxy')} ms`,
        },
        {
          what: 'p50, through the gateway − at the pod',
          value: added('gateway', 'p50Ms'),
          unit: 'ms',
          goal: null,
          beside: `p50 ${of('p50Ms', 'gateway')} ms, at the pod ${of('p50Ms', 'pod')} ms`,
        },
        {
          what: 'p50, through the bare proxy − at the pod',
          value: added('proxy', 'p50Ms'),
          unit: 'ms',
          goal: null,
          beside: `p50 ${of('p50Ms', 'proxy')} ms`,
        },
      ],
      repeats: `${rounds} rounds in turns, ${durationMs / 1000} s each after ${warmUpMs / 1000} s of warm-up.`,
    };
  },
};

let seed = 0;

async function runSide(
  origin: string,
  durationMs: number,
): Promise<{ p50Ms: number; p99Ms: number; lagP99Ms: number }> {
  seed += 1;
  const tally = await runLoad({
    origin,
    workload: binaryRows(rowInputs.mlp),
    load: { kind: 'open', arrivals: { kind: 'poisson', perSecond }, maxInFlight: 1_000 },
    warmUpMs,
    durationMs,
    timeoutMs: 30_000,
    threads: 1,
    seed,
  });
  if (tally.good < tally.offered) throw new Error(`${tally.offered - tally.good} requests of ${tally.offered} failed`);
  return {
    p50Ms: tally.latency.percentileMs(50),
    p99Ms: tally.latency.percentileMs(99),
    lagP99Ms: tally.lag.percentileMs(99),
  };
}
