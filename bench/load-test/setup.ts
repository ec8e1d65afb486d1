/** Describes a load test for its report: the target and the load, in words. */
import { describeMachine } from './machine.ts';
import type { LoadPlan } from './plan.ts';
import type { LoadRequest, PreparedLoad } from './prepare.ts';
import type { Setup } from './report.ts';

export function describeSetup(request: LoadRequest, { plan, server, integersBelow }: PreparedLoad): Setup {
  return {
    target: plan.origin,
    server,
    model: plan.workload.model,
    path: plan.workload.path,
    body: describeBody(request, integersBelow),
    bodyBytes: plan.workload.bodies[0]!.length,
    loop: plan.load.kind,
    load: describeLoad(plan.load, request),
    warmUpSeconds: plan.warmUpMs / 1000,
    durationSeconds: Math.round(plan.durationMs) / 1000,
    threads: plan.threads,
    seed: plan.seed,
    machine: describeMachine().trim(),
  };
}

function describeBody({ protocol, body }: LoadRequest, integersBelow: number | null): string {
  const name = protocol === 'v1' ? 'V1' : 'Open Inference Protocol';
  const values = integersBelow === null ? '' : `, whole numbers below ${integersBelow} (it refused larger ones)`;
  return `${name}, ${body === 'json' ? 'JSON' : body}${values}`;
}

function describeLoad(load: LoadPlan['load'], { arrivals: file, speedUp }: LoadRequest): string {
  if (load.kind === 'closed') return `${load.concurrency} connections`;
  const { arrivals } = load;
  if (arrivals.kind === 'trace') return `${file}${speedUp === 1 ? '' : ` ${speedUp} times as fast`}`;
  const rates = typeof arrivals.perSecond === 'number' ? arrivals.perSecond : arrivals.perSecond.join(' → ');
  return `${arrivals.kind} ${rates}/s`;
}
