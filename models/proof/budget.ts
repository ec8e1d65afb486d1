/**
 * Budget of one model's start, for its warm-up and its proof together: processor time and memory. Keeps its own sums; the
 * process's memory is an argument.
 */

export interface BudgetLimits {
  /** Processor time of runs, in milliseconds. A model whose runs are long gets `leastRuns` of one row all the same. */
  readonly cpuMs: number;
  /** Growth of the process's memory, in bytes. */
  readonly bytes: number;
}

export const defaultLimits: BudgetLimits = { cpuMs: 1_000, bytes: 256 * 1024 * 1024 };

/** Runs of one row that every model gets, however long they take: fewer prove nothing. */
export const leastRuns = 8;

export class StartBudget {
  readonly #limits: BudgetLimits;
  readonly #memoryBytes: () => number;
  /** Least memory of the process so far: what another model's load took for a moment is no start to count from. */
  #leastBytes: number;
  #endedByMemory = false;
  #usedMs = 0;
  #slowestRowMs = 0;
  #firstRowMs: number | null = null;

  /** @param memoryBytes resident memory of the process now */
  constructor(limits: BudgetLimits, memoryBytes: () => number) {
    this.#limits = limits;
    this.#memoryBytes = memoryBytes;
    this.#leastBytes = memoryBytes();
  }

  /** Processor time that all runs together may take, in milliseconds. */
  get #limitMs(): number {
    return Math.max(this.#limits.cpuMs, leastRuns * (this.#firstRowMs ?? 0));
  }

  get #grownBytes(): number {
    const bytes = this.#memoryBytes();
    this.#leastBytes = Math.min(this.#leastBytes, bytes);
    return bytes - this.#leastBytes;
  }

  /** Whether memory has stood in the way: the model's own, or that of others which start at the same time. */
  get endedByMemory(): boolean {
    return this.#endedByMemory;
  }

  /** Records a run that was made. */
  spend(rows: number, runMs: number): void {
    this.#usedMs += runMs;
    if (rows === 1) this.#firstRowMs ??= runMs;
    this.#slowestRowMs = Math.max(this.#slowestRowMs, runMs / rows);
  }

  /** Records a run that failed: its time is spent, and says nothing of how long the next one takes. */
  spendFailed(runMs: number): void {
    this.#usedMs += runMs;
  }

  /** Null where runs of so many rows together fit into this share of the budget, else which limit stands in the way. */
  obstacle(rows: number, share = 1): string | null {
    return this.obstacleTo(rows * this.#slowestRowMs, share);
  }

  /** Obstacle to runs that are expected to take so long together; null without one. */
  obstacleTo(expectedMs: number, share = 1): string | null {
    if (this.#usedMs + expectedMs > this.#limitMs * share)
      return `${Math.round(this.#limitMs * share)} ms of processor time`;
    // A run of twice the rows may grow memory by as much again.
    if (this.#grownBytes <= this.#limits.bytes / 2) return null;
    this.#endedByMemory = true;
    return `${Math.round(this.#limits.bytes / 2 ** 20)} MiB of memory`;
  }
}
