/**
 * One gateway and its ready pods in virtual time. Requests are admitted, queued, batched and given to pods by the
 * gateway's own policies.
 *
 * Requests have no objects. One array has the arrival times of the admitted ones, ascending, and the queue, each run
 * and each staged batch are ranges of it:
 *
 *   admittedAtMs │ answered … │ run of pod 1 │ run of pod 0 │ staged at pod 1 │ queue head … tail │ free
 */
import { decideAdmission, tooLongMs } from '../../gateway/policy/admit.ts';
import { WakeTrigger } from '../../gateway/telemetry/wake-trigger.ts';
import { decideBatch } from '../../gateway/policy/batch.ts';
import type { Cost } from '../../gateway/policy/cost.ts';
import { pickPod, type PickLoad } from '../../gateway/policy/pick.ts';
import { noOverhead, predictWait, type Wait } from '../../gateway/policy/wait.ts';
import type { Random } from '../../runtime/seeded-random.ts';
import { isIdle, type SimulatedPod } from './simulated-pod.ts';
import { SimulatedPods, type OnExit } from './simulated-pods.ts';

export interface SimulatedGatewaySpec {
  readonly cost: { readonly a: number; readonly c: number };
  readonly objectiveMs: number;
  readonly maxRows: number;
  /** Requests that are unanswered after this have failed. */
  readonly timeoutMs: number;
  /** Longest wait of requests that find no pod. */
  readonly coldStartHoldMs: number;
  readonly maxQueued: number;
  /** Disable to refuse nothing, whatever wait is predicted. */
  readonly shedding: boolean;
}

export interface SimulatedGatewayEvents {
  readonly onExit: OnExit;
  /** Called for each request that is answered late, or not at all. */
  readonly onLate?: (arrivedMs: number) => void;
}

export interface SimulatedGatewayOptions {
  readonly spec: SimulatedGatewaySpec;
  /** Number of requests that will arrive. */
  readonly requests: number;
  readonly random: Random;
  readonly events: SimulatedGatewayEvents;
}

export interface RequestTotals {
  arrivals: number;
  /** Answered requests, late ones included. */
  completions: number;
  /** Requests answered after the objective. */
  late: number;
  shed: number;
  /** Requests whose deadline passed. */
  failed: number;
}

export class SimulatedGateway {
  readonly totals: RequestTotals = { arrivals: 0, completions: 0, late: 0, shed: 0, failed: 0 };
  /** Requests at pods. */
  inFlight = 0;
  /** Pods that are starting, which admission counts on. */
  comingPods = 0;
  /** Set when the scaler is to be woken at once; the engine resets it. */
  wakes = false;
  readonly #spec: SimulatedGatewaySpec;
  readonly #cost: Cost;
  readonly #random: Random;
  readonly #onLate: (arrivedMs: number) => void;
  #pods: SimulatedPods;
  #admittedAtMs: Float64Array;
  #head = 0;
  #tail = 0;
  readonly #wakeTrigger = new WakeTrigger();

  constructor({ spec, requests, random, events }: SimulatedGatewayOptions) {
    this.#spec = spec;
    this.#random = random;
    this.#onLate = events.onLate ?? (() => undefined);
    this.#admittedAtMs = new Float64Array(requests);
    // The cost as after a warm-up at every batch size: the gateway knows the line, and may use all of it.
    const { a, c } = spec.cost;
    this.#cost = { a, c, samples: 50, largestRows: spec.maxRows, p99Ratio: 1, deviationMs: 0, p: [1, 0, 1] };
    this.#pods = new SimulatedPods(this.#cost, events.onExit);
  }

  get queued(): number {
    return this.#tail - this.#head;
  }

  /** Ready pods that are not draining. */
  get pods(): readonly SimulatedPod[] {
    return this.#pods.ready;
  }

  get serving(): number {
    return this.#pods.ready.length;
  }

  /** Runs started so far; requests answered or failed ÷ runs is the mean batch. */
  get runs(): number {
    return this.#pods.runs;
  }

  get nextRunEndMs(): number {
    return this.#pods.nextRunEndMs;
  }

  /** Time at which the head of the queue has waited too long; Infinity for an empty queue. */
  get nextExpiryMs(): number {
    return this.#head === this.#tail ? Infinity : this.#admittedAtMs[this.#head]! + this.#patienceMs();
  }

  addPod(createdMs: number): void {
    this.#pods.add(createdMs);
  }

  drainOne(nowMs: number): void {
    this.#pods.drainOne(nowMs);
  }

  /**
   * Copies the state, to try a future on. Both gateways write their arrivals into one array, where they agree as long
   * as nothing is refused: only for gateways without shedding.
   */
  fork(random: Random, events: SimulatedGatewayEvents): SimulatedGateway {
    const fork = new SimulatedGateway({ spec: this.#spec, requests: 0, random, events });
    fork.#pods = this.#pods.copy(events.onExit);
    fork.#admittedAtMs = this.#admittedAtMs;
    [fork.#head, fork.#tail, fork.inFlight] = [this.#head, this.#tail, this.inFlight];
    return fork;
  }

  /** Admits or sheds a request that arrives now. */
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
        idlePods: this.#pods.idle.length,
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
      pods: this.serving,
      idlePods: this.#pods.idle.length,
      begins: this.#sortedBegins,
      nowMs,
      cost: this.#cost,
      overhead: noOverhead,
      maxRows,
      objectiveMs,
    });
  }

  readonly #sortedBegins = (): Float64Array => this.#pods.sortedBegins();

  /** Ends the run that ends first, and answers its requests. */
  endRun(): void {
    const ended = this.#pods.endRun();
    if (ended === undefined) return;
    this.#answer(ended.from, ended.to, ended.endedMs);
    this.inFlight -= ended.to - ended.from;
  }

  /** Fails requests that have waited too long, then dispatches what the policies decide. */
  dispatch(nowMs: number): void {
    this.#expire(nowMs);
    const { maxRows, objectiveMs, timeoutMs } = this.#spec;
    while (this.#head < this.#tail) {
      const pod = this.#pick(nowMs);
      if (pod === undefined) return;
      const decision = decideBatch({
        waitingRows: this.queued,
        cost: this.#cost,
        maxRows,
        objectiveMs,
        headRemainingMs: this.#admittedAtMs[this.#head]! + timeoutMs - nowMs,
        idlePods: this.#pods.idle.length,
        rowsAhead: pod.runTo - pod.runFrom,
      });
      if (decision.kind === 'wait') return;
      const from = this.#head;
      this.#head = Math.min(this.#tail, from + decision.rows);
      this.inFlight += this.#head - from;
      this.#pods.dispatch(pod, from, this.#head, nowMs);
    }
  }

  #pick(nowMs: number): SimulatedPod | undefined {
    const { idle, available } = this.#pods;
    const load = (pod: SimulatedPod): PickLoad => ({
      ownRemainingMs: isIdle(pod) ? 0 : pod.runEndsMs - nowMs,
      queuedRows: 0,
    });
    return pickPod({ idle, available, fits: () => true, load, rowMs: this.#cost.c, random: this.#random });
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

  /** Longest time in the queue. */
  #patienceMs(): number {
    const { timeoutMs, coldStartHoldMs } = this.#spec;
    return this.serving > 0 ? timeoutMs : Math.min(timeoutMs, coldStartHoldMs);
  }
}

/** Tolerance for floating-point sums of times, ms. */
const roundingMs = 1e-6;
