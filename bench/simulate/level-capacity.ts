/**
 * Pods that a constant rate needs for ever: the fewest with which Poisson arrivals of that rate, in the simulation itself,
 * are missed in at most 0.1% of cases. Found by halving for some numbers of pods; between and beyond them the utilization
 * is a line in 1/√pods, by the square-root rule of staffing (S. Halfin, W. Whitt, 1981).
 */
import { seededRandom } from '../../runtime/seeded-random.ts';
import { podRequestsPerSecond } from './capacity.ts';
import { simulate, type Scenario } from './engine.ts';
import { fixed } from './fixed.ts';

/** Share of requests that a level's pods may miss, %: half of what a load without steps may miss in all. */
const mostMissedPercent = 0.1;
const simulatedPods = [1, 2, 4, 8, 16];
/** Utilization up to which a busy pod is tried: batches at an idle pod are larger than those that the capacity counts on. */
const mostUtilization = 1.2;
const halvings = 8;
/** Length of a simulation: enough requests, and enough objectives after each other, to tell a thousandth. */
const leastArrivals = 20_000;
const leastObjectives = 60;
/** Objectives before requests count: pods that are all idle at first begin with batches of one, and fall behind. */
const warmUpObjectives = 10;

/** @returns the pods that a rate in requests per second needs, at most the scenario's `maxReplicas` */
export function podsByRate(scenario: Scenario): (perSecond: number) => number {
  const perPod = podRequestsPerSecond(scenario);
  const simulated = new Map<number, number>();
  /** Rates that 1, 2, 3 … pods carry; only as many as were asked for, since each simulation takes a tenth of a second. */
  const carried: number[] = [];

  function simulatedUtilization(pods: number): number {
    const known = simulated.get(pods) ?? utilization(scenario, pods, perPod);
    simulated.set(pods, known);
    return known;
  }

  function utilizationOf(pods: number): number {
    if (simulatedPods.includes(pods)) return simulatedUtilization(pods);
    const above = simulatedPods.findIndex((one) => one > pods);
    const [fewer, more] = above === -1 ? simulatedPods.slice(-2) : simulatedPods.slice(above - 1, above + 1);
    const [low, high] = [simulatedUtilization(fewer!), simulatedUtilization(more!)];
    const place = (of: number): number => 1 / Math.sqrt(of);
    return low + ((high - low) * (place(pods) - place(fewer!))) / (place(more!) - place(fewer!));
  }

  return (perSecond) => {
    if (!(perSecond > 0)) return 0;
    while ((carried.at(-1) ?? 0) < perSecond && carried.length < scenario.maxReplicas) {
      const pods = carried.length + 1;
      carried.push(pods * perPod * utilizationOf(pods));
    }
    const found = carried.findIndex((most) => most >= perSecond);
    return found === -1 ? scenario.maxReplicas : found + 1;
  };
}

/** Most of their capacity that so many pods carry within the limit. */
function utilization(scenario: Scenario, pods: number, perPod: number): number {
  const perMs = (pods * perPod) / 1000;
  const count = Math.ceil(Math.max(leastArrivals, leastObjectives * scenario.objectiveMs * perMs));
  const random = seededRandom(pods);
  let at = 0;
  const full = Float64Array.from({ length: count }, () => (at -= Math.log(1 - random()) / perMs));
  const alone = { ...scenario, minReplicas: pods, maxReplicas: pods, initialReplicas: pods };
  let [carries, fails] = [0, mostUtilization];
  for (let round = 0; round < halvings; round += 1) {
    const middle = (carries + fails) / 2;
    const arrivalsMs = full.map((atMs) => atMs / middle);
    const { lateArrivalsMs } = simulate(alone, arrivalsMs, fixed(pods)(), { traceLate: true });
    const missed = lateArrivalsMs.filter((atMs) => atMs > warmUpObjectives * scenario.objectiveMs).length;
    if (missed <= (mostMissedPercent / 100) * count) carries = middle;
    else fails = middle;
  }
  return carries;
}
