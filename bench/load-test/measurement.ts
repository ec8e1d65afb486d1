/** One measured run of a plan, together with Sluice's own metrics where the target has them. */
import type { Objective } from './find-max.ts';
import type { LoadPlan } from './plan.ts';
import { figuresOf, type Figures } from './report.ts';
import { nowMs } from './clock.ts';
import { runLoad, type RunOptions } from './run.ts';
import { SluiceMeter } from './sluice-meter.ts';
import type { Tally } from './tally.ts';

export interface Measured {
  readonly figures: Figures;
  readonly tally: Tally;
}

/** @param metricsUrl metrics endpoint of Sluice; null for another server */
export async function measureOnce(
  plan: LoadPlan,
  metricsUrl: string | null,
  { objective = null, ...options }: RunOptions & { readonly objective?: Objective | null },
): Promise<Measured> {
  const meter = metricsUrl === null ? null : await SluiceMeter.start(metricsUrl, plan.workload.model);
  let forget: NodeJS.Timeout | undefined;
  const onStart = (startAtMs: number): void => {
    forget = setTimeout(() => void meter?.restart(), startAtMs + plan.warmUpMs - nowMs());
  };
  try {
    const tally = await runLoad(plan, { ...options, onStart });
    const seen = meter === null ? null : { ...(await meter.stop()), seconds: meter.seconds };
    return { figures: figuresOf(tally, seen, objective), tally };
  } finally {
    clearTimeout(forget);
    await meter?.stop();
  }
}
