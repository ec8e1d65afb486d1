/** Arithmetic of a decision in lines for people: how its inputs make its number. Pure. */
import type { DecisionInputs } from '../policy/policy-state.ts';

export interface ArithmeticContext {
  readonly from: number;
  readonly to: number;
  readonly minReplicas: number;
  readonly maxReplicas: number | null;
  /** Reason of the decision, in words. */
  readonly why: string;
}

export function arithmetic(inputs: DecisionInputs, context: ArithmeticContext): string[] {
  const number = (key: string): number | null => {
    const value = inputs[key];
    return typeof value === 'number' ? value : null;
  };
  const lines: string[] = [];
  const [replicas, ready, starting, ejected] = [
    number('replicas'),
    number('ready'),
    number('starting'),
    number('ejected'),
  ];
  if (replicas !== null && ready !== null) {
    lines.push(
      `pods: ${counted(replicas, 'replica')}, ${ready} ready (${ejected ?? 0} ejected), ${starting ?? 0} starting`,
    );
  }
  const [queued, inFlight] = [number('queued'), number('inFlight')];
  if (queued !== null)
    lines.push(`queue: ${counted(queued, 'request')}${inFlight === null ? '' : `, ${inFlight} more in flight`}`);
  if (typeof inputs['missing'] === 'string')
    lines.push(`incomplete (${inputs['missing']}): the numbers are lower bounds`);

  const [expected, headroom, factor] = [number('expectedPerS'), number('headroomPerS'), number('headroomFactor')];
  const [podPerS, coldStartMs] = [number('podPerS'), number('coldStartMs')];
  if (expected !== null && headroom !== null && factor !== null && coldStartMs !== null) {
    const planned = expected + factor * headroom;
    const [riseWindowS, risePerS, stays] = [number('riseWindowS'), number('risePerS'), number('staysShare')];
    if (riseWindowS !== null && risePerS !== null && stays !== null) {
      lines.push(
        `a rise: ${short(risePerS)} requests/s within ${riseWindowS} s, of which ${short(100 * stays)}% is expected to stay`,
      );
    }
    const correction = number('correctionDeviations') ?? 0;
    if (correction > 0)
      lines.push(`headroom: ${short(correction)} deviations more, for what was missed within minutes`);
    const hpaPods = number('hpaPods');
    if (hpaPods !== null) {
      lines.push(
        `dear: of late an HPA at its defaults would have missed less at hardly more pod-seconds; until that changes, headroom is for chance alone, pods leave after one start, and no more than its ${counted(hpaPods, 'pod')} are ordered`,
      );
    }
    lines.push(
      `planned rate: ${short(expected)} expected in ${seconds(coldStartMs)} + ${short(factor)} × ${short(headroom)} headroom = ${short(planned)} requests/s`,
    );
    const backlog = number('backlogThen') ?? 0;
    const now = number('ratePerS') ?? 0;
    const rate = inputs['backlogged'] === 1 || backlog > 0 ? Math.max(planned, now) : planned;
    if (rate > planned) lines.push(`with a queue, the current rate of ${short(now)} requests/s counts instead`);
    const withinMs = number('clearedWithinMs') ?? coldStartMs;
    if (backlog > 0)
      lines.push(
        `backlog: ${short(backlog)} requests beyond what the pods clear, to be served within ${seconds(withinMs)}`,
      );
    if (podPerS !== null && podPerS > 0) {
      const [runMs, requestMs] = [number('runMs'), number('requestMs')];
      if (runMs !== null && requestMs !== null) {
        lines.push(
          `a pod: ${short(runMs)} ms a run + ${short(requestMs)} ms a request, in the present mix of models and sizes of rows`,
        );
      }
      const cleared = backlog > 0 ? ` + ${short(backlog)} ÷ ${short(withinMs / 1000)}` : '';
      const most = number('needMost');
      const least = number('needLeast');
      const extra = ejected !== null && ejected > 0 ? ` + ${ejected} ejected` : '';
      const sum = (rate + (1000 * backlog) / withinMs) / podPerS;
      lines.push(
        `need: (${short(rate)}${cleared}) ÷ ${short(podPerS)} per pod = ${short(sum)}${extra} → ${range(least, most)}`,
      );
    }
  }
  const [seasonPerS, coverage, seasonPods] = [
    number('seasonalPerS'),
    number('seasonalCoverage'),
    number('seasonalPods'),
  ];
  if (seasonPerS !== null && coverage !== null && seasonPods !== null) {
    lines.push(
      `season: a rush to ${short(seasonPerS)} requests/s is expected at ${String(inputs['seasonalSlot'])} UTC, such forecasts came true in ${short(100 * coverage)}% → at least ${counted(seasonPods, 'pod')}`,
    );
  }
  const { from, to, minReplicas, maxReplicas, why } = context;
  lines.push(
    `limits: ${maxReplicas === null ? `${minReplicas} to any number of pods` : range(minReplicas, maxReplicas)}`,
  );
  lines.push(to === from ? `${from}, held: ${why}` : `${from} → ${to}: ${why}`);
  return lines;
}

function range(least: number | null, most: number | null): string {
  if (least !== null && most !== null && least !== most) return `${least} to ${most} pods`;
  const pods = most ?? least;
  return pods === null ? '? pods' : counted(pods, 'pod');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function seconds(ms: number): string {
  return `${short(ms / 1000)} s`;
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}
