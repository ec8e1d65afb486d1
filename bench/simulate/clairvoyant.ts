/**
 * The schedule of someone who knows what will come: whole pods, start-up and drain paid, no request late. It is found
 * in the same model that judges the policies, second by second:
 *
 *   1. need[t]: the fewest pods with which nothing that has arrived by the end of second t is late, going forward from
 *      the state that the seconds before it left.
 *   2. Layer k is needed where need[t] ≥ k. Layers are independent: over a gap g a pod is kept, for g, or ends and is
 *      started again, for start-up + drain; the less of both. For a given need this is the cheapest supply
 *      (ski rental with known gaps).
 *   3. The supply is simulated; where a request is late all the same (more pods make smaller batches), as many are
 *      added as it takes, going forward in the same way. What was added is needed; back to 2, until nobody is late.
 *
 * Both look no further than their second, so that the whole is close to the cheapest, not proved to be it. The pool's limit is not
 * its limit, or it could not promise anything.
 */
import { simulate, type Outcome, type Scenario } from './engine.ts';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { Station } from './station.ts';

export const slotMs = 1000;
/** Times that late requests may ask for more. */
const mostRounds = 20;

export interface Clairvoyant {
  readonly outcome: Outcome;
  /** Ready pods by second. */
  readonly serving: readonly number[];
}

export function clairvoyant(
  scenario: Scenario,
  arrivalsMs: Float64Array,
  onProgress: (done: number) => void = () => undefined,
): Clairvoyant {
  let need = forward(scenario, arrivalsMs, null);
  const startSlots = Math.ceil(scenario.coldStartMs / slotMs);
  const drainSlots = (scenario.cost.a + scenario.cost.c * scenario.maxRows) / slotMs;
  for (let round = 0; ; round += 1) {
    const serving = fillGaps(need, startSlots + drainSlots);
    const outcome = follow(scenario, arrivalsMs, serving, startSlots);
    onProgress((round + 1) / mostRounds);
    if (outcome.lateArrivalsMs.length === 0 || round === mostRounds) return { outcome, serving };
    const supplied = forward(scenario, arrivalsMs, serving);
    // The whole simulation was late where this one, with other random choices, was not.
    for (const atMs of outcome.lateArrivalsMs) {
      const slot = Math.floor(atMs / slotMs);
      supplied[slot] = Math.max(supplied[slot]!, serving[slot]! + 1);
    }
    need = need.map((pods, slot) => (supplied[slot]! > serving[slot]! ? supplied[slot]! : pods));
  }
}

/** Steps 1 and 3: pods by second so that nobody is late; never below `supply`, where there is one. */
function forward(scenario: Scenario, arrivalsMs: Float64Array, supply: readonly number[] | null): number[] {
  const found: number[] = [];
  const spec = { ...scenario, shedding: false };
  let state = new Station(spec, arrivalsMs.length, seededRandom(scenario.seed), { onExit: () => undefined });
  const slots = Math.floor(arrivalsMs.at(-1)! / slotMs) + 1;
  let next = 0;
  for (let slot = 0; slot < slots; slot += 1) {
    const endsMs = (slot + 1) * slotMs;
    let until = next;
    while (until < arrivalsMs.length && arrivalsMs[until]! < endsMs) until += 1;
    const arriving = arrivalsMs.subarray(next, until);
    const attempt: Try = (pods, mostLate) => tryPods(state, pods, slot, arriving, mostLate);
    const least = supply?.[slot] ?? scenario.minReplicas;
    const best = fewest(attempt, least, supply?.[slot] ?? found.at(-1) ?? scenario.initialReplicas);
    found.push(best.pods);
    state = best.state;
    next = until;
  }
  return found;
}

/** From the first guess down while nobody is late; or up by doubled steps until nobody is, and halving what lies between. */
function fewest(attempt: Try, least: number, guess: number): Attempt {
  let best = attempt(Math.max(least, guess));
  while (best.late === 0 && best.pods > least) {
    const fewer = attempt(best.pods - 1, 0);
    if (fewer.late > 0) return best;
    best = fewer;
  }
  if (best.late === 0) return best;
  const first = best.pods;
  let tooFew = first;
  for (let more = 1; best.late > 0 && more <= 2 * first + 8; more *= 2) {
    const other = attempt(first + more);
    // What is late was so before, and more pods don't help.
    if (other.late >= best.late && more > 8) break;
    if (other.late > 0) tooFew = other.pods;
    best = other;
  }
  while (best.late === 0 && best.pods - tooFew > 1) {
    const middle = attempt((tooFew + best.pods) >> 1, 0);
    if (middle.late === 0) best = middle;
    else tooFew = middle.pods;
  }
  return best;
}

interface Attempt {
  readonly pods: number;
  readonly late: number;
  /** At the end of the slot; of one that was given up, of no use. */
  readonly state: Station;
}

/** @param mostLate given up when more are late */
type Try = (pods: number, mostLate?: number) => Attempt;

/** One slot with so many pods, and then without arrivals until all is answered. */
function tryPods(from: Station, pods: number, slot: number, arrivalsMs: Float64Array, mostLate = Infinity): Attempt {
  let late = 0;
  const events = { onExit: () => undefined, onLate: () => void (late += 1) };
  const station = from.fork(seededRandom(slot), events);
  const beginsMs = slot * slotMs;
  while (station.serving < pods) station.addPod(beginsMs);
  while (station.serving > pods) station.drainOne(beginsMs);
  let nowMs = beginsMs;
  station.dispatch(nowMs);
  const endsMs = beginsMs + slotMs;
  for (let next = 0; ;) {
    const arrivalMs = arrivalsMs[next] ?? Infinity;
    nowMs = Math.min(arrivalMs, station.nextRunEndMs, station.nextExpiryMs);
    if (nowMs >= endsMs) break;
    advance(station, nowMs);
    if (late > mostLate) return { pods, late, state: station };
    while (next < arrivalsMs.length && arrivalsMs[next]! <= nowMs) {
      station.arrive(nowMs);
      next += 1;
    }
    station.dispatch(nowMs);
  }
  const state = station.fork(seededRandom(slot), { onExit: () => undefined });
  while ((station.inFlight > 0 || station.queued > 0) && late <= mostLate) {
    nowMs = Math.min(station.nextRunEndMs, station.nextExpiryMs);
    advance(station, nowMs);
    station.dispatch(nowMs);
  }
  return { pods, late, state };
}

function advance(station: Station, nowMs: number): void {
  while (station.nextRunEndMs <= nowMs) station.endRun();
}

/**
 * Step 2: the cheapest supply that is nowhere below the need.
 * @param restart what ending a pod and starting another costs, in slots of a pod
 */
export function fillGaps(need: readonly number[], restart: number): number[] {
  const supply = [...need];
  const most = need.reduce((a, b) => Math.max(a, b), 0);
  for (let layer = 1; layer <= most; layer += 1) {
    // All that is there at the beginning is there without a start.
    let lastNeeded = -1;
    for (let slot = 0; slot < need.length; slot += 1) {
      if (need[slot]! < layer) continue;
      if (slot - lastNeeded - 1 <= restart) {
        for (let gap = lastNeeded + 1; gap < slot; gap += 1) supply[gap] = Math.max(supply[gap]!, layer);
      }
      lastNeeded = slot;
    }
  }
  return supply;
}

/** Pods are created so that they are ready when they are needed, at the median start-up time. */
export function follow(
  scenario: Scenario,
  arrivalsMs: Float64Array,
  serving: readonly number[],
  startSlots = Math.ceil(scenario.coldStartMs / slotMs),
): Outcome {
  const most = serving.reduce((a, b) => Math.max(a, b), 0);
  const schedule = {
    name: 'clairvoyant',
    intervalMs: slotMs,
    step({ nowMs }: { readonly nowMs: number }) {
      const slot = Math.round(nowMs / slotMs);
      let replicas = serving[slot] ?? 0;
      for (let ahead = slot + 1; ahead <= slot + startSlots; ahead += 1) {
        replicas = Math.max(replicas, serving[ahead] ?? 0);
      }
      // What the last second left is finished first.
      return { replicas: slot < serving.length ? replicas : serving.at(-1)!, reason: 'foresight' };
    },
  };
  const known = { coldStartMs: startSlots * slotMs, coldStartSigma: 0, shedding: false };
  // What the first seconds need may have begun before: it costs from 0 on, as for everyone.
  const initialReplicas = serving.slice(0, startSlots + 1).reduce((a, b) => Math.max(a, b), 0);
  const foreseen = { ...scenario, ...known, minReplicas: 0, maxReplicas: most, initialReplicas };
  return simulate(foreseen, arrivalsMs, schedule, { traceLate: true });
}
