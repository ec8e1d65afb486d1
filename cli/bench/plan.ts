/** What `sluice bench` was asked for, in the words of its report. */
import type { Arrivals } from '../../bench/load-test/arrivals.ts';
import type { LoadPlan } from '../../bench/load-test/plan.ts';
import type { Setup } from '../../bench/load-test/report.ts';
import { describeMachine } from '../../bench/load-test/machine.ts';
import type { Bench } from './command.ts';

export function benchSetup({ flags, plan, prepared }: Bench): Omit<Setup, 'machine'> {
  return {
    target: plan.origin,
    server: prepared.server,
    model: plan.workload.model,
    path: plan.workload.path,
    body: bodyOf(flags.protocol, flags.body),
    bodyBytes: plan.workload.bodies[0]!.length,
    loop: plan.load.kind,
    load: loadOf(plan.load, flags.arrivals, flags.speedUp),
    warmUpSeconds: plan.warmUpMs / 1000,
    durationSeconds: Math.round(plan.durationMs) / 1000,
    threads: plan.threads,
    seed: plan.seed,
  };
}

export function machineLine(): string {
  return describeMachine().trim();
}

function bodyOf(protocol: 'oip' | 'v1', body: string): string {
  const of = protocol === 'v1' ? 'V1' : 'Open Inference Protocol';
  return `${of}, ${body === 'json' ? 'JSON' : body}`;
}

function loadOf(load: LoadPlan['load'], file: string, speedUp: number): string {
  if (load.kind === 'closed') return `${load.concurrency} connections`;
  const { arrivals }: { arrivals: Arrivals } = load;
  if (arrivals.kind === 'trace') return `${file}${speedUp === 1 ? '' : ` ${speedUp} times as fast`}`;
  const rates = typeof arrivals.perSecond === 'number' ? arrivals.perSecond : arrivals.perSecond.join(' → ');
  return `${arrivals.kind} ${rates}/s`;
}
