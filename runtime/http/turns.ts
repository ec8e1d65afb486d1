/**
 * Shares the event loop between single requests and work that comes in masses: what is enqueued here gets a short time in each turn of the
 * loop, all of it together, and sockets are served in between.
 */

export interface Task {
  /** Does a small part of the work. */
  turn(): void;
}

export class Turns {
  readonly #turnMs: number;
  readonly #now: () => number;
  readonly #queue: Task[] = [];
  #isDue = false;

  /**
   * @param turnMs time for tasks in one turn of the event loop; one task is done however long it takes
   * @param now monotonic clock, milliseconds
   */
  constructor(turnMs: number, now: () => number) {
    this.#turnMs = turnMs;
    this.#now = now;
  }

  enqueue(task: Task): void {
    this.#queue.push(task);
    if (!this.#isDue) this.#wait();
  }

  #wait(): void {
    this.#isDue = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    const endMs = this.#now() + this.#turnMs;
    do this.#queue.shift()?.turn();
    while (this.#queue.length > 0 && this.#now() < endMs);
    this.#isDue = false;
    if (this.#queue.length > 0) this.#wait();
  }
}
