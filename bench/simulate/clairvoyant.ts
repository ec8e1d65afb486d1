/**
 * Schedule of an autoscaler that knows the trace: whole pods, start-up and drain paid, no request late. It is found
 * in the same simulation that judges the policies, second by second:
 *
 *   1. need[t]: the fewest pods with which nothing that arrives by the end of second t is late, going forward from
 *      the state that the earlier seconds left.
 *   2. Layer k is needed where need[t] ≥ k. Layers are independent: over a gap of g seconds a pod is either kept, for
 *      g, or ended and started again, for start-up + drain, whichever is less. For a given need this is the cheapest
 *      supply (ski rental with known gaps).
 *   3. The supply is simulated. Where a request is late all the same (more pods make smaller batches), pods are added
 *      until it is not, going forward in the same way. Added pods become need; back to 2, until no request is late.
 *
 * Steps 1 and 3 look no further than their second, so the schedule is close to the cheapest, not proved to be it. It
 * ignores the pool's maxReplicas, or it could not promise that no request is late.
 */
import { simulate, type SimulationResult, type Scenario } from './engine.ts';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { SimulatedGateway } from './simulated-gateway.ts';

export const slotMs = 1000;
/** Limit on rounds of steps 2 and 3. */
const mostRounds = 20;

export interface Clairvoyant {
  readonly result: SimulationResult;
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
    const result = follow(scenario, arrivalsMs, serving, startSlots);
    onProgress((round + 1) / mostRounds);
    if (result.lateArrivalsMs.length === 0 || round === mostRounds) return { result, serving };
    const supplied = forward(scenario, arrivalsMs, serving);
    // Requests late in the whole simulation need a pod more, though step 3, with other random choices, had none late.
    for (const atMs of result.lateArrivalsMs) {
      const slot = Math.floor(atMs / slotMs);
      supplied[slot] = Math.max(supplied[slot]!, serving[slot]! + 1);
    }
    need = need.map((pods, slot) => (supplied[slot]! > serving[slot]! ? supplied[slot]! : pods));
  }
}

/** Steps 1 and 3: the fewest pods by second so that no request is late, at least those of `supply` where it is given. */
function forward(scenario: Scenario, arrivalsMs: Float64Array, supply: readonly number[] | null): number[] {
  const found: number[] = [];
  const spec = { ...scenario, shedding: false };
  let state = new SimulatedGateway({
    spec,
    requests: arrivalsMs.length,
    random: seededRandom(scenario.seed),
    events: { onExit: () => undefined },
  });
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

/** Searches from the guess: down while no request is late; else up by doubled steps, then by halving the last step. */
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
    // More pods don't help: the requests were late before this second.
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
  /** State at the end of the slot; meaningless where the attempt was given up. */
  readonly state: SimulatedGateway;
}

/** Tries a slot with so many pods. @param mostLate the attempt is given up when more requests are late */
type Try = (pods: number, mostLate?: number) => Attempt;

/** Simulates one slot with so many pods, then goes on without arrivals until all requests are answered. */
function tryPods(
  from: SimulatedGateway,
  pods: number,
  slot: number,
  arrivalsMs: Float64Array,
  mostLate = Infinity,
): Attempt {
  let late = 0;
  const events = { onExit: () => undefined, onLate: () => void (late += 1) };
  const gateway = from.fork(seededRandom(slot), events);
  const beginsMs = slot * slotMs;
  while (gateway.serving < pods) gateway.addPod(beginsMs);
  while (gateway.serving > pods) gateway.drainOne(beginsMs);
  let nowMs = beginsMs;
  gateway.dispatch(nowMs);
  const endsMs = beginsMs + slotMs;
  for (let next = 0; ;) {
    const arrivalMs = arrivalsMs[next] ?? Infinity;
    nowMs = Math.min(arrivalMs, gateway.nextRunEndMs, gateway.nextExpiryMs);
    if (nowMs >= endsMs) break;
    advance(gateway, nowMs);
    if (late > mostLate) return { pods, late, state: gateway };
    while (next < arrivalsMs.length && arrivalsMs[next]! <= nowMs) {
      gateway.arrive(nowMs);
      next += 1;
    }
    gateway.dispatch(nowMs);
  }
  const state = gateway.fork(seededRandom(slot), { onExit: () => undefined });
  while ((gateway.inFlight > 0 || gateway.queued > 0) && late <= mostLate) {
    nowMs = Math.min(gateway.nextRunEndMs, gateway.nextExpiryMs);
    advance(gateway, nowMs);
    gateway.dispatch(nowMs);
  }
  return { pods, late, state };
}

function advance(gateway: SimulatedGateway, nowMs: number): void {
  while (gateway.nextRunEndMs <= nowMs) gateway.endRun();
}

/**
 * Step 2: the cheapest supply that is nowhere below the need.
 * @param restart cost of ending a pod and starting another, in slots of a pod
 */
export function fillGaps(need: readonly number[], restart: number): number[] {
  const supply = [...need];
  const most = need.reduce((a, b) => Math.max(a, b), 0);
  for (let layer = 1; layer <= most; layer += 1) {
    // Pods of the first slots need no start.
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

/** Simulates a supply: pods are created a median start-up time before they are needed. */
export function follow(
  scenario: Scenario,
  arrivalsMs: Float64Array,
  serving: readonly number[],
  startSlots = Math.ceil(scenario.coldStartMs / slotMs),
): SimulationResult {
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
      // Requests left at the end of the trace are finished by its last pods.
      return { replicas: slot < serving.length ? replicas : serving.at(-1)!, reason: 'foresight' };
    },
  };
  const known = { coldStartMs: startSlots * slotMs, coldStartSigma: 0, shedding: false };
  // Pods of the first seconds started before time 0, and are paid from 0 on, as every policy's initial pods are.
  const initialReplicas = serving.slice(0, startSlots + 1).reduce((a, b) => Math.max(a, b), 0);
  const foreseen = { ...scenario, ...known, minReplicas: 0, maxReplicas: most, initialReplicas };
  return simulate(foreseen, arrivalsMs, schedule, { traceLate: true });
}
