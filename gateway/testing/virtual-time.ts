/**
 * Virtual time for tests: replaces the global timers until the test ends, and runs them in the order of an event loop that
 * takes no time itself. (The timer mock of node:test repeats a callback for ever that plans an immediate.)
 */
import type { TestContext } from 'node:test';
import { LoopClock, tickMs } from '../endpoints/loop-clock.ts';

const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = globalThis;
const realTimers = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate };

interface Planned {
  readonly run: () => void;
  readonly atMs: number;
  /** Null unless it repeats. */
  readonly everyMs: number | null;
}

export class VirtualTime {
  readonly clock: LoopClock;
  /** While true, ticks of the loop clock are overdue, as in a process that does not run. */
  stalled = false;
  #nowMs: number;
  readonly #timers = new Map<number, Planned>();
  #immediates = new Map<number, () => void>();
  #ids = 0;

  constructor(t: TestContext, startMs = 1_000) {
    this.#nowMs = startMs;
    this.clock = new LoopClock(() => this.#nowMs);
    t.after(() => Object.assign(globalThis, realTimers));
    const cancel = (id: number | undefined): void => {
      if (id !== undefined && !this.#immediates.delete(id)) this.#timers.delete(id);
    };
    const plan = (run: () => void, ms: number, everyMs: number | null): number => {
      this.#timers.set((this.#ids += 1), { run, atMs: this.#nowMs + Math.max(1, ms), everyMs });
      return this.#ids;
    };
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms = 1) => plan(run, ms, null),
      setInterval: (run: () => void, ms = 1) => plan(run, ms, Math.max(1, ms)),
      setImmediate: (run: () => void) => {
        this.#immediates.set((this.#ids += 1), run);
        return this.#ids;
      },
      clearTimeout: cancel,
      clearInterval: cancel,
      clearImmediate: cancel,
    });
    globalThis.setInterval(() => {
      if (!this.stalled) this.clock.tick();
    }, tickMs);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Timers that are set, except the clock's own. */
  get timers(): number {
    return this.#timers.size - 1;
  }

  /** Runs immediates until none is left, those included that they plan. */
  turn(): void {
    while (this.#immediates.size > 0) {
      const due = this.#immediates;
      this.#immediates = new Map();
      for (const run of due.values()) run();
    }
  }

  /** Lets so many milliseconds pass, timer by timer. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    this.turn();
    for (;;) {
      let next: [number, Planned] | undefined;
      for (const entry of this.#timers) if (next === undefined || entry[1].atMs < next[1].atMs) next = entry;
      if (next === undefined || next[1].atMs > untilMs) break;
      const [id, { run, atMs, everyMs }] = next;
      this.#nowMs = atMs;
      this.#timers.delete(id);
      if (everyMs !== null) this.#timers.set(id, { run, atMs: atMs + everyMs, everyMs });
      run();
      this.turn();
    }
    this.#nowMs = untilMs;
  }
}
