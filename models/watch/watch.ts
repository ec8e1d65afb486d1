/**
 * The watch in service: now and then, one request of a run that several shared is run again alone, and its answer compared. A proof
 * at load can't meet every input; what clients send may.
 *
 *   run of several requests ends → sample one of them → run it alone → as answered? well
 *                                                                     → not? run it alone again, to tell a model that depends on
 *                                                                       companions from one that differs from run to run
 *
 * The watch holds one sample at a time, and makes no run itself: the scheduler asks what is due, and tells what came of it. Chance and
 * the clock of processor time are arguments.
 */
import type { ModelRequest, Slice } from '../model-request.ts';
import { countRun, countSample, isDue, mayWatch, noBudget, type WatchBudget } from '../policy/watch-budget.ts';
import type { ServedModel } from '../repository/served-model.ts';
import type { RunOutcome } from '../session/session-thread.ts';
import type { Tensors } from '../tensor.ts';
import { disagreement, hashOf, takeSample, type Sample } from './sample.ts';

/** A model whose requests must not share runs, and how that was seen. */
export interface Finding {
  readonly model: ServedModel;
  /** Human-readable, with the hashes of the inputs. */
  readonly reason: string;
  /** Hash of the inputs that were answered otherwise alone. */
  readonly request: string;
  /** Hashes of the inputs that shared the run. */
  readonly companions: readonly string[];
  readonly requestId: ModelRequest['requestId'];
  readonly traceId: ModelRequest['traceId'];
}

export interface WatchOptions {
  /** Share of a model's processor time that its samples may take; 0 for no watch. */
  readonly cpuShare: number;
  /** Processor time that this thread has used: a busy machine would lengthen any other. In microseconds. */
  readonly cpuUs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly onFinding: (finding: Finding) => void;
}

/** A sample on its way to its verdict. */
interface Watched {
  readonly sample: Sample;
  /** Outcome of the first run alone, where it differs from the answer. */
  differing: { readonly outcome: RunOutcome; readonly how: string } | null;
  /** Processor time that the sample has taken of both threads, in microseconds. */
  tookUs: number;
  runsSince: number;
  /** Whether it runs at this moment. */
  running: boolean;
}

/** Companions that a reason names. */
const namedCompanions = 3;

export class Watch {
  readonly #options: WatchOptions;
  readonly #budgets = new WeakMap<ServedModel, WatchBudget>();
  #watched: Watched | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Whether there is a sample without a verdict. */
  get pending(): boolean {
    return this.#watched !== null;
  }

  /** Takes note of a run of the model, of which the watch may take a share. */
  countRun(model: ServedModel, cpuUs: number): void {
    const { cpuShare } = this.#options;
    if (cpuShare === 0) return;
    this.#budgets.set(model, countRun(this.#budgets.get(model) ?? noBudget, cpuUs, cpuShare));
    if (this.#watched !== null) this.#watched.runsSince += 1;
  }

  /** Samples a request of the run that has just been answered, if the budget of its model allows. */
  offer(model: ServedModel, slices: readonly Slice[], parts: readonly Tensors[]): void {
    if (this.#watched !== null || !model.watched || !mayWatch(this.#budgets.get(model) ?? noBudget)) return;
    const { cpuUs, random } = this.#options;
    const beforeUs = cpuUs();
    const sample = takeSample(model, { slices, parts }, Math.floor(random() * slices.length));
    const tookUs = cpuUs() - beforeUs;
    if (sample === null) return;
    this.#watched = { sample, differing: null, tookUs, runsSince: 0, running: false };
  }

  /** Hands out the sample that is to run now; null for none. @param waiting requests that wait for a run */
  due(waiting: number): Sample | null {
    const watched = this.#watched;
    if (watched === null || watched.running) return null;
    const { sample, differing, runsSince } = watched;
    if (sample.model.unbatchedReason !== null || sample.model.retired) {
      this.#end(watched);
      return null;
    }
    watched.running = differing !== null || isDue({ waiting, runsSince });
    return watched.running ? sample : null;
  }

  /** Takes what the sample's run alone gave. */
  judge(outcome: RunOutcome): void {
    const watched = this.#watched!;
    const { sample, differing } = watched;
    const { cpuUs } = this.#options;
    const beforeUs = cpuUs();
    watched.running = false;
    const how = disagreementWith(sample, outcome);
    watched.tookUs += outcome.cpuUs + cpuUs() - beforeUs;
    // Another pod may have found the same meanwhile.
    if (sample.model.unbatchedReason !== null || (how === null && differing === null)) {
      this.#end(watched);
    } else if (differing === null) {
      watched.differing = { outcome, how: how! };
    } else {
      this.#end(watched);
      this.#find(sample, isSame(sample, differing.outcome, outcome) ? differing.how : null);
    }
  }

  /** Gives the sample up: its run could not be started. */
  drop(): void {
    if (this.#watched !== null) this.#end(this.#watched);
  }

  #end({ sample: { model }, tookUs }: Watched): void {
    this.#watched = null;
    this.#budgets.set(model, countSample(this.#budgets.get(model) ?? noBudget, tookUs));
    model.statistics.watchSamples += 1;
    model.statistics.watchUs += tookUs;
  }

  /** @param how what changed with companions; null if the model differs from itself */
  #find({ model, signature, inputs, companions, requestId, traceId }: Sample, how: string | null): void {
    const request = hashOf(signature, inputs);
    const hashes = companions.map((tensors) => hashOf(signature, tensors));
    const more = hashes.length > namedCompanions ? `, and ${hashes.length - namedCompanions} more` : '';
    const reason =
      how === null
        ? `outputs differ from run to run (seen in service, inputs ${request})`
        : `outputs change with companions (${how}, seen in service, inputs ${request} with ${hashes.slice(0, namedCompanions).join(', ')}${more})`;
    this.#options.onFinding({ model, reason, request, companions: hashes, requestId, traceId });
  }
}

/** How the request run alone differs from what it was answered, null if it doesn't. */
function disagreementWith(sample: Sample, outcome: RunOutcome): string | null {
  return outcome.kind === 'failed'
    ? `alone it fails: ${outcome.message}`
    : disagreement(sample, sample.outputs, outcome.outputs);
}

function isSame(sample: Sample, one: RunOutcome, other: RunOutcome): boolean {
  if (one.kind === 'failed' || other.kind === 'failed') return one.kind === other.kind;
  return disagreement(sample, one.outputs, other.outputs) === null;
}
