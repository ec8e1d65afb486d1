import { spread } from '../../load-test/spread.ts';
import { binaryRows, langidTexts, rowInputs } from '../rig/bodies.ts';
import { residentMiB } from '../rig/process-meter.ts';
import { startSluice, type SluiceProcesses } from '../rig/systems.ts';
import type { ScenarioContext, BenchScenario } from './scenario.ts';

const connections = 64;
const sliceMs = 2_000;
/** Pause between load and reading, in which short-lived memory is freed. */
const restMs = 2_000;
const readings = 5;

interface MemoryReading {
  readonly requests: number;
  readonly gatewayMiB: number;
  readonly podMiB: number;
}

/** Requests before the first reading: until then code is compiled and the heap grows to its working size. */
export const firstRequests = 1e5;

/** @param most number of requests at the last reading; 10⁷ (`--requests 1e7`) take a quarter of an hour */
export function memoryScenario(most: number): BenchScenario {
  return {
    name: 'memory',
    title: `Memory after ${most.toExponential(0)} requests ÷ after ${firstRequests.toExponential(0)}`,
    how:
      `One pod, ${connections} connections in a closed loop, langid as text and mlp as binary rows in turns. The resident set at rest, the median of ` +
      `${readings} readings.`,
    run: async (bench) => {
      const sluice = await bench.cleanup.track(startSluice({ models: ['langid', 'mlp'], pods: 1 }));
      const early = await after(bench, sluice, 0, firstRequests);
      const late = await after(bench, sluice, early.requests, most);
      await bench.cleanup.stop(sluice);
      const line = (what: string, key: 'gatewayMiB' | 'podMiB') => ({
        what: `${what} after ${late.requests} requests ÷ after ${early.requests}`,
        value: spread([late[key] / early[key]]),
        unit: '' as const,
        goal: { kind: 'at most' as const, value: 1.05 },
        beside: `${early[key].toFixed(0)} MiB, then ${late[key].toFixed(0)} MiB`,
      });
      return {
        lines: [line('gateway', 'gatewayMiB'), line('pod', 'podMiB')],
        repeats: 'Once.',
        remarks:
          most < 1e7
            ? [
                'The goal is for 10⁷ requests after 10⁵: `npm run bench -- --only memory --requests 1e7`, a quarter of an hour.',
              ]
            : [],
      };
    },
  };
}

async function after(
  { load, say }: ScenarioContext,
  system: SluiceProcesses,
  done: number,
  wanted: number,
): Promise<MemoryReading> {
  const workloads = [langidTexts(), binaryRows(rowInputs.mlp)];
  let requests = done;
  for (let slice = 0; requests < wanted; slice += 1) {
    const workload = workloads[slice % workloads.length]!;
    const { answered } = await load.run({
      origin: system.origin,
      workload,
      connections,
      amount: { durationMs: sliceMs },
    });
    requests += answered;
    if (slice % 20 === 0) say(`  ${requests} requests of ${wanted}`);
  }
  const gateway: number[] = [];
  const pod: number[] = [];
  for (let reading = 0; reading < readings; reading += 1) {
    await new Promise((resolve) => setTimeout(resolve, restMs));
    gateway.push(residentMiB(system.gatewayPid));
    pod.push(residentMiB(system.pods[0]!.pid));
  }
  return { requests, gatewayMiB: spread(gateway).median, podMiB: spread(pod).median };
}
