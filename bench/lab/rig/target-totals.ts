/**
 * Totals that a target's processes report in their metrics: CPU time, rows, runs. Their CPU time comes from getrusage, to
 * a microsecond; process-meter.ts would have it to 10 ms, too coarse for turns of some hundred milliseconds.
 */
import { sumOf } from '../../load-test/prometheus.ts';

/** Totals since the start of the processes. */
export interface ProcessTotals {
  /** User and system time of the target's own process, all threads. */
  readonly serverCpuMs: number;
  /** The same of its pods together, the processes of transforms included; 0 for a target without pods. */
  readonly podsCpuMs: number;
  readonly rows: number;
  readonly runs: number;
  /** Pods in rotation at the moment. */
  readonly servingPods: number;
}

/** Origins whose /metrics have a target's totals. */
export interface Meters {
  readonly server: string;
  readonly pods: readonly string[];
}

export async function readTotals({ server, pods }: Meters): Promise<ProcessTotals> {
  const [own, ...others] = await Promise.all([server, ...pods].map(scrape));
  const sum = (name: string) => others.reduce((total, text) => total + sumOf(text, name), 0);
  return {
    serverCpuMs: 1000 * sumOf(own!, 'process_cpu_seconds_total'),
    podsCpuMs: 1000 * (sum('process_cpu_seconds_total') + sum('sluice_pod_transform_cpu_seconds_total')),
    rows: sum('sluice_pod_batch_rows_sum'),
    runs: sum('sluice_pod_batch_rows_count'),
    servingPods: sumOf(own!, 'sluice_pods', 'state="serving"'),
  };
}

const settleLimitMs = 10_000;
const settlePollMs = 20;

/** Waits until the pods have no request in flight: abandoned requests would burden the next measurement. */
export async function settle({ pods }: Meters): Promise<void> {
  const endMs = performance.now() + settleLimitMs;
  for (;;) {
    const texts = await Promise.all(pods.map(scrape));
    if (texts.every((text) => sumOf(text, 'sluice_pod_in_flight_requests') === 0)) return;
    if (performance.now() > endMs) throw new Error(`pods still hold requests ${settleLimitMs} ms after the load ended`);
    await new Promise((resolve) => setTimeout(resolve, settlePollMs));
  }
}

async function scrape(origin: string): Promise<string> {
  const answer = await fetch(`${origin}/metrics`);
  if (!answer.ok) throw new Error(`${origin}/metrics answered ${answer.status}`);
  return answer.text();
}
