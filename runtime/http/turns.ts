/**
 * Shares the event loop between single requests and work that comes in masses: what is enqueued here gets a short time in each turn of the
 * loop, all of it together, and sockets are served in between. Clients take turns, however many tasks one of them has. While others are
 * served as well, work in masses rests after each turn for a multiple of the time that it took.
 */

export interface Task {
  /**
   * Does a small part of the work.
   * @returns milliseconds that what it has set going will take in later events; 0 if that is nothing
   */
  turn(): number;
}

/**
 * Part of a long body or answer after which others are served, in bytes, and the milliseconds that it takes to read. Node reads up to
 * 2 MiB of one connection in one event.
 */
export const partBytes = 256 * 1024;
export const partMs = 0.5;

/** The client that tasks are done for. */
export interface TaskHolder {
  /** Milliseconds that its tasks took; others set it back. */
  massMs: number;
}

export interface TurnsOptions<Holder extends TaskHolder> {
  /** Time for tasks in one turn of the event loop; one task is done however long it takes. */
  readonly turnMs: number;
  /** Monotonic clock, milliseconds. */
  readonly now: () => number;
  /** Whether others than these clients are served, so that masses have to rest. */
  readonly servesOthersThan: (clients: ReadonlySet<Holder>) => boolean;
}

/** Time that masses rest while others are served, in the time that they took before: they get a third of the loop. */
const restRatio = 2;

export class Turns<Holder extends TaskHolder> {
  readonly #options: TurnsOptions<Holder>;
  /** Tasks by client, the one whose turn it is first. */
  readonly #lines = new Map<Holder, Task[]>();
  /** Clients whose tasks were done in this turn. */
  readonly #served = new Set<Holder>();
  #isDue = false;
  /** 0 if nobody else was served. */
  #restsUntilMs = 0;

  constructor(options: TurnsOptions<Holder>) {
    this.#options = options;
  }

  /** Whether others were served when masses had their last turn. */
  get isShared(): boolean {
    return this.#restsUntilMs > 0;
  }

  /** Whether tasks of the client wait. */
  hasTasksOf(holder: Holder): boolean {
    return this.#lines.has(holder);
  }

  enqueue(task: Task, holder: Holder): void {
    const line = this.#lines.get(holder);
    if (line === undefined) this.#lines.set(holder, [task]);
    else line.push(task);
    if (!this.#isDue) this.#wait();
  }

  /**
   * Does something in the client's turn.
   * @param followsMs milliseconds that what it sets going takes in later events
   */
  inTurn(holder: Holder, work: () => void, followsMs: number): void {
    const turn = (): number => {
      work();
      return followsMs;
    };
    this.enqueue({ turn }, holder);
  }

  #wait(): void {
    this.#isDue = true;
    const restMs = this.#restsUntilMs - this.#options.now();
    if (restMs > 0) setTimeout(() => this.#run(), restMs);
    else setImmediate(() => this.#run());
  }

  #run(): void {
    const { turnMs, now, servesOthersThan } = this.#options;
    let tookMs = 0;
    let nowMs = now();
    do {
      const beganMs = nowMs;
      const [holder, line] = this.#lines.entries().next().value!;
      this.#lines.delete(holder);
      const followsMs = line.shift()!.turn();
      nowMs = now();
      const taskMs = nowMs - beganMs + followsMs;
      tookMs += taskMs;
      holder.massMs += taskMs;
      this.#served.add(holder);
      this.#requeue(holder, line);
    } while (this.#lines.size > 0 && tookMs < turnMs);
    this.#restsUntilMs = servesOthersThan(this.#served) ? nowMs + restRatio * tookMs : 0;
    this.#served.clear();
    this.#isDue = false;
    if (this.#lines.size > 0) this.#wait();
  }

  /** Puts what is left of a client's tasks behind those of all others. Its task may have enqueued the next one. */
  #requeue(holder: Holder, left: Task[]): void {
    if (left.length === 0) return;
    const added = this.#lines.get(holder);
    if (added !== undefined) left.push(...added);
    this.#lines.set(holder, left);
  }
}
