/**
 * The requests' side of the simulation: one gateway and its ready pods, in virtual time. Admits, queues, batches and
 * picks by the gateway's own policies; a pod executes one run for l(b) ms and has one more staged.
 *
 * Requests have no objects. Those that were admitted stand in one array by time of arrival, and the queue, a run and a
 * staged run are each a range of it:
 *
 *   admittedAtMs │ answered … │ run of pod 1 │ run of pod 0 │ staged at pod 1 │ queue head … tail │ free
 */
import { decideAdmission, tooLongMs } from '../../gateway/policy/admit.ts';
import { WakeTrigger } from '../../gateway/telemetry/wake-trigger.ts';
import { decideBatch } from '../../gateway/policy/batch.ts';
import { predictMs, type Cost } from '../../gateway/policy/cost.ts';
import { pickPod } from '../../gateway/policy/pick.ts';
import { noOverhead, predictWait, type Wait } from '../../gateway/policy/wait.ts';
import type { Random } from '../../runtime/seeded-random.ts';
import { RunEnds } from './run-ends.ts';

export interface StationSpec {
  readonly cost: { readonly a: number; readonly c: number };
  readonly objectiveMs: number;
  readonly maxRows: number;
  /** Requests unanswered after this have failed. */
  readonly timeoutMs: number;
  /** Requests that find no pod wait for one at most this long. */
  readonly coldStartHoldMs: number;
  readonly maxQueued: number;
  /** Off: nothing is refused, whatever wait is predicted. */
  readonly shedding: boolean;
}

export interface SimulatedPod {
  readonly createdMs: number;
  draining: boolean;
  /** The run that it executes, as a range of admitted requests; empty where it is idle. */
  runFrom: number;
  runTo: number;
  runEndsMs: number;
  stagedFrom: number;
  stagedTo: number;
  /** Its place among the idle or the open pods, so that it is taken from there without a search. */
  place: number;
}

export interface StationEvents {
  /** A draining pod holds nothing any more. */
  readonly onExit: (pod: SimulatedPod, nowMs: number) => void;
  /** A request was answered late, or not at all. */
  readonly onLate?: (arrivedMs: number) => void;
}

export interface Totals {
  arrivals: number;
  /** Answered, late ones included. */
  completions: number;
  /** Answered after the objective. */
  late: number;
  shed: number;
  /** Deadline passed. */
  failed: number;
  /** Of pods; what was answered or failed ÷ these is the mean batch. */
  runs: number;
}

export class Station {
  readonly totals: Totals = { arrivals: 0, completions: 0, late: 0, shed: 0, failed: 0, runs: 0 };
  /** Requests with a pod. */
  inFlight = 0;
  /** Pods that are starting: their coming decides admission. */
  comingPods = 0;
  /** The gateway tells the scaler at once; for the engine to see, and to take back. */
  wakes = false;
  readonly #spec: StationSpec;
  readonly #cost: Cost;
  readonly #random: Random;
  readonly #onExit: (pod: SimulatedPod, nowMs: number) => void;
  readonly #onLate: (arrivedMs: number) => void;
  /** Ready and not draining, in the order in which they became so. */
  readonly #pods: SimulatedPod[] = [];
  #runEnds = new RunEnds();
  #admittedAtMs: Float64Array;
  readonly #idle: SimulatedPod[] = [];
  /** Executing, with nothing staged. */
  readonly #open: SimulatedPod[] = [];
  #head = 0;
  #tail = 0;
  readonly #wakeTrigger = new WakeTrigger();
  /** When the next batch for each pod would begin to run, ascending; made anew when it is asked for. */
  #begins = new Float64Array(0);
  #beginsChanged = true;

  constructor(spec: StationSpec, requests: number, random: Random, events: StationEvents) {
    this.#spec = spec;
    this.#random = random;
    this.#onExit = events.onExit;
    this.#onLate = events.onLate ?? (() => undefined);
    this.#admittedAtMs = new Float64Array(requests);
    // As after a warm-up at every size: the gateway knows the line, and may use all of it.
    const { a, c } = spec.cost;
    this.#cost = { a, c, samples: 50, largestRows: spec.maxRows, p99Ratio: 1, deviationMs: 0, p: [1, 0, 1] };
  }

  get queued(): number {
    return this.#tail - this.#head;
  }

  get pods(): readonly SimulatedPod[] {
    return this.#pods;
  }

  get serving(): number {
    return this.#pods.length;
  }

  get nextRunEndMs(): number {
    return this.#runEnds.nextMs;
  }

  /** When the first that waits has waited too long. */
  get nextExpiryMs(): number {
    return this.#head === this.#tail ? Infinity : this.#admittedAtMs[this.#head]! + this.#patienceMs();
  }

  addPod(createdMs: number): void {
    const pod: SimulatedPod = {
      createdMs,
      draining: false,
      runFrom: 0,
      runTo: 0,
      runEndsMs: 0,
      stagedFrom: 0,
      stagedTo: 0,
      place: 0,
    };
    this.#pods.push(pod);
    this.#beginsChanged = true;
    add(this.#idle, pod);
  }

  /**
   * No more dispatch to one pod; it leaves when it has finished what it holds, at once if that is nothing.
   * Fewest in flight go first, then the youngest.
   */
  drainOne(nowMs: number): void {
    let victim = 0;
    for (let index = 1; index < this.#pods.length; index += 1) {
      if (held(this.#pods[index]!) <= held(this.#pods[victim]!)) victim = index;
    }
    const [pod] = this.#pods.splice(victim, 1);
    if (pod === undefined) return;
    this.#beginsChanged = true;
    pod.draining = true;
    remove(this.#idle, pod);
    remove(this.#open, pod);
    if (held(pod) === 0) this.#onExit(pod, nowMs);
  }

  /**
   * The same state, to try a future on. Both write their arrivals into one array, which is the same for both as long as
   * none is refused: only for stations without shedding.
   */
  fork(random: Random, events: StationEvents): Station {
    const fork = new Station(this.#spec, 0, random, events);
    const copies = new Map<SimulatedPod, SimulatedPod>();
    const copy = (pod: SimulatedPod): SimulatedPod => {
      const known = copies.get(pod) ?? { ...pod };
      copies.set(pod, known);
      return known;
    };
    fork.#pods.push(...this.#pods.map(copy));
    fork.#idle.push(...this.#idle.map(copy));
    fork.#open.push(...this.#open.map(copy));
    fork.#runEnds = this.#runEnds.map(copy);
    fork.#admittedAtMs = this.#admittedAtMs;
    [fork.#head, fork.#tail, fork.inFlight] = [this.#head, this.#tail, this.inFlight];
    return fork;
  }

  arrive(nowMs: number): void {
    this.totals.arrivals += 1;
    const queued = this.queued;
    if (this.#spec.shedding) {
      const wait = this.#predictWait(nowMs);
      const decision = decideAdmission({
        queuedRequests: queued,
        queuedBytes: 0,
        bytes: 0,
        maxQueued: this.#spec.maxQueued,
        maxQueuedBytes: Infinity,
        wait,
        remainingMs: this.#spec.timeoutMs,
        objectiveMs: this.#spec.objectiveMs,
        servingPods: this.serving,
        idlePods: this.#idle.length,
        comingPods: this.comingPods,
      });
      const due = this.#wakeTrigger.isDue(decision.kind === 'hold', tooLongMs(decision, wait), this.#spec.objectiveMs);
      if (due) this.wakes = true;
      if (decision.kind === 'shed') {
        this.totals.shed += 1;
        this.#onLate(nowMs);
        return;
      }
    }
    this.#admittedAtMs[this.#tail] = nowMs;
    this.#tail += 1;
  }

  #predictWait(nowMs: number): Wait {
    const { maxRows, objectiveMs } = this.#spec;
    const rowsBefore = this.queued;
    const headAgeMs = rowsBefore === 0 ? null : nowMs - this.#admittedAtMs[this.#head]!;
    return predictWait({
      ownRows: 1,
      rowsBefore,
      headAgeMs,
      otherBatches: 0,
      pods: this.#pods.length,
      idlePods: this.#idle.length,
      begins: this.#sortedBegins,
      nowMs,
      cost: this.#cost,
      overhead: noOverhead,
      maxRows,
      objectiveMs,
    });
  }

  readonly #sortedBegins = (): Float64Array => {
    if (!this.#beginsChanged) return this.#begins;
    this.#beginsChanged = false;
    if (this.#begins.length !== this.#pods.length) this.#begins = new Float64Array(this.#pods.length);
    for (let index = 0; index < this.#pods.length; index += 1) {
      const pod = this.#pods[index]!;
      const staged = pod.stagedTo - pod.stagedFrom;
      const idle = pod.runFrom === pod.runTo;
      this.#begins[index] = idle ? 0 : pod.runEndsMs + (staged > 0 ? predictMs(this.#cost, staged) : 0);
    }
    return this.#begins.sort();
  };

  /** Ends the run that ends first, at its time. */
  endRun(): void {
    const pod = this.#runEnds.pop();
    if (pod === undefined) return;
    this.#beginsChanged = true;
    const nowMs = pod.runEndsMs;
    const rows = pod.runTo - pod.runFrom;
    this.#answer(pod.runFrom, pod.runTo, nowMs);
    this.inFlight -= rows;
    pod.runFrom = pod.runTo;
    const openBefore = pod.stagedFrom === pod.stagedTo;
    if (!openBefore) this.#execute(pod, pod.stagedFrom, pod.stagedTo, nowMs);
    pod.stagedFrom = pod.stagedTo;
    if (pod.draining) {
      if (held(pod) === 0) this.#onExit(pod, nowMs);
      return;
    }
    const idle = pod.runFrom === pod.runTo;
    if (openBefore) remove(this.#open, pod);
    add(idle ? this.#idle : this.#open, pod);
  }

  /** One turn of the gateway: fails what has waited too long, sends what the policies say. */
  dispatch(nowMs: number): void {
    this.#expire(nowMs);
    const { maxRows, objectiveMs, timeoutMs } = this.#spec;
    while (this.#head < this.#tail) {
      const waiting = this.#tail - this.#head;
      const idle = this.#idle.length > 0;
      const pods = idle ? this.#idle : this.#open;
      if (pods.length === 0) return;
      const pod = this.#pick(pods, nowMs);
      const decision = decideBatch({
        waitingRows: waiting,
        cost: this.#cost,
        maxRows,
        objectiveMs,
        headRemainingMs: this.#admittedAtMs[this.#head]! + timeoutMs - nowMs,
        idlePods: this.#idle.length,
        rowsAhead: pod.runTo - pod.runFrom,
      });
      if (decision.kind === 'wait') return;
      this.#beginsChanged = true;
      const from = this.#head;
      this.#head = Math.min(this.#tail, from + decision.rows);
      this.inFlight += this.#head - from;
      remove(pods, pod);
      if (idle) {
        this.#execute(pod, from, this.#head, nowMs);
        add(this.#open, pod);
      } else {
        pod.stagedFrom = from;
        pod.stagedTo = this.#head;
      }
    }
  }

  #execute(pod: SimulatedPod, from: number, to: number, nowMs: number): void {
    pod.runFrom = from;
    pod.runTo = to;
    pod.runEndsMs = nowMs + this.#cost.a + this.#cost.c * (to - from);
    this.#runEnds.push(pod);
    this.totals.runs += 1;
  }

  #pick(pods: readonly SimulatedPod[], nowMs: number): SimulatedPod {
    const first = pods[Math.floor(this.#random() * pods.length)]!;
    const second = pods[Math.floor(this.#random() * pods.length)]!;
    if (first === second) return first;
    const candidates = [
      { ownRemainingMs: first.runTo > first.runFrom ? first.runEndsMs - nowMs : 0, queuedRows: 0 },
      { ownRemainingMs: second.runTo > second.runFrom ? second.runEndsMs - nowMs : 0, queuedRows: 0 },
    ];
    return pickPod(candidates, this.#cost.c, [this.#random(), this.#random()]) === 0 ? first : second;
  }

  #answer(from: number, to: number, nowMs: number): void {
    const { objectiveMs, timeoutMs } = this.#spec;
    const { totals } = this;
    for (let index = from; index < to; index += 1) {
      const arrivedMs = this.#admittedAtMs[index]!;
      const tookMs = nowMs - arrivedMs;
      if (tookMs > timeoutMs) {
        totals.failed += 1;
        this.#onLate(arrivedMs);
        continue;
      }
      totals.completions += 1;
      if (tookMs > objectiveMs + roundingMs) {
        totals.late += 1;
        this.#onLate(arrivedMs);
      }
    }
  }

  #expire(nowMs: number): void {
    while (this.nextExpiryMs <= nowMs) {
      if (this.#patienceMs() === this.#spec.timeoutMs) this.totals.failed += 1;
      else this.totals.shed += 1;
      this.#onLate(this.#admittedAtMs[this.#head]!);
      this.#head += 1;
    }
  }

  #patienceMs(): number {
    const { timeoutMs, coldStartHoldMs } = this.#spec;
    return this.serving > 0 ? timeoutMs : Math.min(timeoutMs, coldStartHoldMs);
  }
}

/** Sums of floating-point times are not late by their rounding. */
const roundingMs = 1e-6;

/** Requests that the pod executes or has staged. */
function held(pod: SimulatedPod): number {
  return pod.runTo - pod.runFrom + pod.stagedTo - pod.stagedFrom;
}

function add(list: SimulatedPod[], pod: SimulatedPod): void {
  pod.place = list.length;
  list.push(pod);
}

function remove(list: SimulatedPod[], pod: SimulatedPod): void {
  if (list[pod.place] !== pod) return;
  const last = list.pop()!;
  if (last === pod) return;
  list[pod.place] = last;
  last.place = pod.place;
}
