/**
 * Ready and draining pods of the simulation, and what each executes.
 *
 *   idle ──dispatch──► available ──dispatch──► full      idle: no run; available: a run, nothing staged;
 *     ◄────run ends────    ◄──────run ends─────          full: a run and a staged batch
 *
 * A draining pod is in none of the three, and exits when its last run ends.
 */
import { predictMs, type Cost } from '../../gateway/policy/cost.ts';
import { RunEnds } from './run-ends.ts';
import { idlePod, inFlightAt, isIdle, type SimulatedPod } from './simulated-pod.ts';

/** Called when a draining pod has finished its last run. */
export type OnExit = (pod: SimulatedPod, nowMs: number) => void;

/** A finished run: its range of admitted requests. */
export interface EndedRun {
  readonly from: number;
  readonly to: number;
  readonly endedMs: number;
}

export class SimulatedPods {
  /** Runs started so far, by all pods. */
  runs = 0;
  readonly #cost: Cost;
  readonly #onExit: OnExit;
  /** Ready and not draining pods, in the order in which they became ready. */
  readonly #ready: SimulatedPod[] = [];
  readonly #idle: SimulatedPod[] = [];
  readonly #available: SimulatedPod[] = [];
  #runEnds = new RunEnds();
  /** Times at which each pod could begin one more batch, ascending; computed on demand. */
  #begins = new Float64Array(0);
  #beginsChanged = true;

  constructor(cost: Cost, onExit: OnExit) {
    this.#cost = cost;
    this.#onExit = onExit;
  }

  get ready(): readonly SimulatedPod[] {
    return this.#ready;
  }

  get idle(): readonly SimulatedPod[] {
    return this.#idle;
  }

  /** Pods that execute a run and have nothing staged. */
  get available(): readonly SimulatedPod[] {
    return this.#available;
  }

  /** End of the run that ends first; Infinity while nothing executes. */
  get nextRunEndMs(): number {
    return this.#runEnds.nextMs;
  }

  /** A deep copy, which then goes its own way. */
  copy(onExit: OnExit): SimulatedPods {
    const copies = new Map<SimulatedPod, SimulatedPod>();
    const copyOf = (pod: SimulatedPod): SimulatedPod => {
      const known = copies.get(pod) ?? { ...pod };
      copies.set(pod, known);
      return known;
    };
    const pods = new SimulatedPods(this.#cost, onExit);
    pods.#ready.push(...this.#ready.map(copyOf));
    pods.#idle.push(...this.#idle.map(copyOf));
    pods.#available.push(...this.#available.map(copyOf));
    pods.#runEnds = this.#runEnds.map(copyOf);
    return pods;
  }

  /** Adds a pod that is ready from now on. */
  add(createdMs: number): void {
    const pod = idlePod(createdMs);
    this.#ready.push(pod);
    this.#beginsChanged = true;
    addTo(this.#idle, pod);
  }

  /**
   * Drains the pod with the fewest requests in flight, the youngest of equals. It exits when it has finished them, at
   * once if it has none.
   */
  drainOne(nowMs: number): void {
    let victim = 0;
    for (let index = 1; index < this.#ready.length; index += 1) {
      if (inFlightAt(this.#ready[index]!) <= inFlightAt(this.#ready[victim]!)) victim = index;
    }
    const [pod] = this.#ready.splice(victim, 1);
    if (pod === undefined) return;
    this.#beginsChanged = true;
    pod.draining = true;
    removeFrom(this.#idle, pod);
    removeFrom(this.#available, pod);
    if (inFlightAt(pod) === 0) this.#onExit(pod, nowMs);
  }

  /** Gives a candidate the requests from `from` up to `to`, to execute now or to stage. */
  dispatch(pod: SimulatedPod, from: number, to: number, nowMs: number): void {
    this.#beginsChanged = true;
    if (isIdle(pod)) {
      removeFrom(this.#idle, pod);
      this.#execute(pod, from, to, nowMs);
      addTo(this.#available, pod);
    } else {
      removeFrom(this.#available, pod);
      pod.stagedFrom = from;
      pod.stagedTo = to;
    }
  }

  /** Ends the run that ends first, at its time, and starts the pod's staged batch. */
  endRun(): EndedRun | undefined {
    const pod = this.#runEnds.pop();
    if (pod === undefined) return undefined;
    this.#beginsChanged = true;
    const ended: EndedRun = { from: pod.runFrom, to: pod.runTo, endedMs: pod.runEndsMs };
    pod.runFrom = pod.runTo;
    const wasAvailable = pod.stagedFrom === pod.stagedTo;
    if (!wasAvailable) this.#execute(pod, pod.stagedFrom, pod.stagedTo, ended.endedMs);
    pod.stagedFrom = pod.stagedTo;
    if (pod.draining) {
      if (inFlightAt(pod) === 0) this.#onExit(pod, ended.endedMs);
      return ended;
    }
    if (wasAvailable) removeFrom(this.#available, pod);
    addTo(isIdle(pod) ? this.#idle : this.#available, pod);
    return ended;
  }

  /** Times at which each ready pod could begin one more batch, ascending; 0 for an idle pod. */
  sortedBegins(): Float64Array {
    if (!this.#beginsChanged) return this.#begins;
    this.#beginsChanged = false;
    if (this.#begins.length !== this.#ready.length) this.#begins = new Float64Array(this.#ready.length);
    for (let index = 0; index < this.#ready.length; index += 1) {
      const pod = this.#ready[index]!;
      const staged = pod.stagedTo - pod.stagedFrom;
      this.#begins[index] = isIdle(pod) ? 0 : pod.runEndsMs + (staged > 0 ? predictMs(this.#cost, staged) : 0);
    }
    return this.#begins.sort();
  }

  #execute(pod: SimulatedPod, from: number, to: number, nowMs: number): void {
    pod.runFrom = from;
    pod.runTo = to;
    pod.runEndsMs = nowMs + this.#cost.a + this.#cost.c * (to - from);
    this.#runEnds.push(pod);
    this.runs += 1;
  }
}

function addTo(list: SimulatedPod[], pod: SimulatedPod): void {
  pod.place = list.length;
  list.push(pod);
}

/** Swaps the last pod into the removed one's place; does nothing where the pod is not in the list. */
function removeFrom(list: SimulatedPod[], pod: SimulatedPod): void {
  if (list[pod.place] !== pod) return;
  const last = list.pop()!;
  if (last === pod) return;
  list[pod.place] = last;
  last.place = pod.place;
}
