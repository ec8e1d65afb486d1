/**
 * Pod-seconds below which no schedule of pods serves a trace behind the gateway, whoever foresees it. Proof:
 *
 * 1. Runs have at most B requests each, but for the first run of a pod. Both follow from how batches are made (docs/architecture.md,
 *    "Decisions on the way"): a busy pod is given a second batch, of at most B, as soon as B wait, so B never wait while a pod has room;
 *    and a pod that becomes idle had room. One that is new may find more, and takes at most the F that fit alone into the objective.
 *    Where s arrive at the very same time, B is s − 1 more. So each request takes a pod for w = l(B) ÷ B or more, since
 *    l(b) ÷ b falls with b, and a first run saves f = F·w − l(F) of that at most.
 * 2. Cut the time for which pods are paid into slots. What arrives in a slot [s, e] until e − objective, n requests, is in time
 *    only if it runs inside it. So ready pods have w·n or more to do there, less f for each first run: with d = w·n ÷ (e − s), at
 *    least d of them in the mean.
 * 3. R(t), the pods that are ready or draining, is a whole number and at least minReplicas. A pod that becomes ready after time 0
 *    was paid for a start-up time D before. So the cost is at least ∫R + D·(the rises of R by one).
 * 4. Layer k is on while R ≥ k. Where d > k − 1, it is on for a part of the slot. From one such slot to the next it stays on
 *    through all slots between, or a rise switches it on again. Charge D for that rise, the whole of each slot through which it
 *    stays on, and of each slot where it is needed the share that d fills of it. No slot is charged more than ∫R: shares add
 *    up to d, and where a layer above d stays on through a slot, so do all below. The least charge, found for each layer by
 *    dynamic programming, is a bound.
 * 5. Whoever misses M requests leaves out M·w of the work, and first runs leave out f each, wherever it saves most. With a price p ≥ 1
 *    for work left out, the least over all choices of charge + p·(left out − M·w − f·(rises + pods at time 0)) is no more than
 *    the charge of the best choice (Lagrange), while p·f ≤ D. Each p gives a bound, and so does each cut: the largest counts.
 *
 * D is the median start, as the clairvoyant has it; drawn starts last longer in the mean.
 */
import { marginMs } from '../../gateway/policy/batch.ts';
import { endMs, type Scenario } from './engine.ts';

/** Shortest slot, in objectives; each next cut has slots of twice the length. */
const shortestObjectives = 2;
const offsets = [0, 0.5];
/** Slots × layers up to which a cut is tried: fine ones of long traces are left out. */
const mostCells = 500_000;
/** Prices of work that is left out, in times of itself; the last is as good as infinite. */
const prices = [1, 2, 4, 8, 16, 32, 64, 256, 1024, 1e9];
const roundingMs = 1e-6;

type Spec = Pick<Scenario, 'cost' | 'objectiveMs' | 'maxRows' | 'coldStartMs' | 'minReplicas'>;

/** @param missed requests that may be late, shed or failed */
export function leastPodSeconds(spec: Spec, arrivalsMs: Float64Array, missed: number): number {
  const paidMs = endMs(arrivalsMs, spec.objectiveMs);
  const { requestMs, firstRunMs, leastMs } = leastWork(spec, arrivalsMs);
  const alwaysMs = spec.minReplicas * paidMs;
  let best = Math.max(alwaysMs, (arrivalsMs.length - missed) * leastMs);
  for (let lengthMs = shortestObjectives * spec.objectiveMs; ; lengthMs *= 2) {
    const whole = lengthMs >= paidMs;
    for (const offset of whole ? [0] : offsets) {
      const slots = cut({ arrivalsMs, paidMs, lengthMs, offset, objectiveMs: spec.objectiveMs, requestMs });
      const layers = slots.reduce((most, { pods }) => Math.max(most, Math.ceil(pods)), 0);
      if (slots.length * layers > mostCells) continue;
      for (const price of prices) {
        const backMs = price * firstRunMs;
        if (backMs > spec.coldStartMs) break;
        let boundMs = alwaysMs - price * requestMs * missed;
        for (let layer = spec.minReplicas + 1; layer <= layers; layer += 1) {
          boundMs += leastCharge(slots, layer, { price, backMs, startMs: spec.coldStartMs });
        }
        best = Math.max(best, boundMs);
      }
    }
    if (whole) return best / 1000;
  }
}

/** Pod time of a request at least, w and f of the proof, and what not even first runs fall below. */
function leastWork(
  { cost, objectiveMs, maxRows }: Spec,
  arrivalsMs: Float64Array,
): { readonly requestMs: number; readonly firstRunMs: number; readonly leastMs: number } {
  const runMs = (rows: number): number => cost.a + cost.c * rows;
  const mostRows = (runs: number, withinMs: number): number => {
    let rows = 0;
    while (rows < maxRows && runs * runMs(rows + 1) <= withinMs + roundingMs) rows += 1;
    return rows;
  };
  const alone = mostRows(1, objectiveMs - marginMs);
  const behind = mostRows(2, objectiveMs - marginMs);
  // Where one row doesn't leave the margin, batches are not bounded, but for a run in time by the objective.
  const first = alone > 0 ? alone : Math.max(1, mostRows(1, objectiveMs));
  // Where no second batch would be in time, none is sent, and each run may find as much as a first one.
  const rows = behind > 0 ? Math.min(first, behind - 1 + mostAtOnce(arrivalsMs)) : first;
  const requestMs = runMs(rows) / rows;
  return { requestMs, firstRunMs: Math.max(0, first * requestMs - runMs(first)), leastMs: runMs(first) / first };
}

/** Most arrivals at the very same time. */
function mostAtOnce(arrivalsMs: Float64Array): number {
  let [most, atOnce] = [1, 1];
  for (let index = 1; index < arrivalsMs.length; index += 1) {
    atOnce = arrivalsMs[index] === arrivalsMs[index - 1] ? atOnce + 1 : 1;
    most = Math.max(most, atOnce);
  }
  return most;
}

interface Slot {
  readonly lengthMs: number;
  /** Ready pods in the mean, at least: d of the proof. */
  readonly pods: number;
}

function cut(by: {
  readonly arrivalsMs: Float64Array;
  readonly paidMs: number;
  readonly lengthMs: number;
  /** Length of the first slot as a share of the others'; 0 for a full one. */
  readonly offset: number;
  readonly objectiveMs: number;
  readonly requestMs: number;
}): Slot[] {
  const { arrivalsMs, paidMs, lengthMs, offset, objectiveMs, requestMs } = by;
  const slots: Slot[] = [];
  let next = 0;
  for (let fromMs = 0; fromMs < paidMs;) {
    let toMs = fromMs + (fromMs === 0 && offset > 0 ? offset * lengthMs : lengthMs);
    // A short rest joins the last slot.
    if (toMs + lengthMs / 2 > paidMs) toMs = paidMs;
    while (next < arrivalsMs.length && arrivalsMs[next]! < fromMs) next += 1;
    const first = next;
    while (next < arrivalsMs.length && arrivalsMs[next]! <= toMs - objectiveMs) next += 1;
    slots.push({ lengthMs: toMs - fromMs, pods: (requestMs * (next - first)) / (toMs - fromMs) });
    fromMs = toMs;
  }
  return slots;
}

/** Least charge of a layer over all choices of the slots in which it is on. */
function leastCharge(
  slots: readonly Slot[],
  layer: number,
  { price, backMs, startMs }: { readonly price: number; readonly backMs: number; readonly startMs: number },
): number {
  // Pods of time 0 cost no start, and have a first run each too.
  let on = -backMs;
  let off = 0;
  for (const { lengthMs, pods } of slots) {
    const neededMs = lengthMs * Math.min(1, Math.max(0, pods - layer + 1));
    const [stays, leaves] = [Math.min(on, off + startMs - backMs), Math.min(on, off)];
    on = stays + (neededMs > 0 ? neededMs : lengthMs);
    off = leaves + price * neededMs;
  }
  return Math.min(on, off);
}
