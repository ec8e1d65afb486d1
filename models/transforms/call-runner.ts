/**
 * Calls the functions of a transform, in its child process or in the pod: one after another where they are synchronous, at once where they
 * are not. Each call ends once, with tensors, a refusal or a failure; nothing that user code throws leaves this file.
 */
import { checkReturned } from './checks.ts';
import { describeError } from './failures.ts';
import type { Call, EndedCall, Outcome, Step } from './messages.ts';
import { BadInput, type ConvertAll, type RequestParameters, type Transform } from './transform.ts';

export interface CallRunnerOptions {
  readonly transform: Transform;
  /** Real path of the model's folder. */
  readonly folder: string;
  /** Limit of a call that waits; one that computes can only be ended with its process, from outside. */
  readonly timeoutMs: number;
  readonly send: (ended: readonly EndedCall[]) => void;
  readonly nowMs: () => number;
}

/**
 * Ended calls are sent together, but none is kept back longer than this by those that follow it: if one of them takes the
 * process with it, only what was not sent has to be done again.
 */
const keptBackMs = 5;

/** Parameters of a request without any. */
const none: RequestParameters = Object.freeze({});

export class CallRunner {
  readonly #options: CallRunnerOptions;
  #ended: EndedCall[] = [];
  /** Calls are being made in this turn: `#ended` is sent at its end. */
  #making = false;

  constructor(options: CallRunnerOptions) {
    this.#options = options;
  }

  run(step: Step, calls: readonly Call[]): void {
    const { transform, nowMs } = this.#options;
    const all = step === 'before' ? transform.beforeAll : transform.afterAll;
    this.#making = true;
    if (all !== undefined) {
      this.#runAll(step, all, calls);
    } else {
      let sentMs = nowMs();
      for (const call of calls) {
        this.#runOne(step, call);
        if (nowMs() - sentMs < keptBackMs) continue;
        this.#flush();
        sentMs = nowMs();
      }
    }
    this.#making = false;
    this.#flush();
  }

  #runOne(step: Step, { id, tensors, parameters = none }: Call): void {
    const { transform } = this.#options;
    let result: unknown;
    try {
      result = step === 'before' ? transform.before!(tensors, parameters) : transform.after!(tensors, parameters);
    } catch (error) {
      this.#end(id, this.#outcomeOf(step, error));
      return;
    }
    if (!isPromise(result)) {
      this.#end(id, this.#outcomeOf(step, result, true));
      return;
    }
    this.#within(step, [id], result, {
      resolved: (value) => this.#end(id, this.#outcomeOf(step, value, true)),
      rejected: (error) => this.#end(id, this.#outcomeOf(step, error)),
    });
  }

  #runAll(step: Step, all: ConvertAll, calls: readonly Call[]): void {
    const ids = calls.map(({ id }) => id);
    const settle = (results: unknown): void => {
      if (!Array.isArray(results) || results.length !== calls.length) {
        const was = Array.isArray(results) ? `${results.length} results` : typeof results;
        const message = `${step}All must return one result for each of ${calls.length} requests, was: ${was}`;
        for (const id of ids) this.#end(id, { kind: 'failed', message });
        return;
      }
      for (const [index, id] of ids.entries()) {
        const result: unknown = results[index];
        this.#end(id, this.#outcomeOf(`${step}All`, result, !(result instanceof Error)));
      }
    };
    const fail = (error: unknown): void => {
      if (calls.length === 1) this.#end(ids[0]!, this.#outcomeOf(`${step}All`, error));
      // Tried one by one, since a throw does not say which request it is about.
      else for (const call of calls) this.#runAll(step, all, [call]);
    };
    let results: unknown;
    try {
      results = all.call(
        this.#options.transform,
        calls.map(({ tensors }) => tensors),
        calls.map(({ parameters = none }) => parameters),
      );
    } catch (error) {
      fail(error);
      return;
    }
    if (isPromise(results)) this.#within(`${step}All`, ids, results, { resolved: settle, rejected: fail });
    else settle(results);
  }

  /** Waits for a promise of user code, within the limit; what it becomes later is dropped. */
  #within(
    who: string,
    ids: readonly number[],
    promise: PromiseLike<unknown>,
    then: { resolved: (value: unknown) => void; rejected: (error: unknown) => void },
  ): void {
    const { timeoutMs } = this.#options;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      const message = `${who} took longer than ${timeoutMs} ms (transform.timeoutMs)`;
      for (const id of ids) this.#end(id, { kind: 'failed', message });
    }, timeoutMs);
    const unlessLate = (next: (value: unknown) => void) => (value: unknown) => {
      clearTimeout(timer);
      if (!late) next(value);
    };
    promise.then(unlessLate(then.resolved), unlessLate(then.rejected));
  }

  #outcomeOf(who: string, value: unknown, returned = false): Outcome {
    if (!returned) {
      if (value instanceof BadInput) return { kind: 'refused', message: value.message };
      return { kind: 'failed', message: `${who}: ${describeError(value, this.#options.folder)}` };
    }
    try {
      return { kind: 'converted', tensors: checkReturned(value) };
    } catch (error) {
      return { kind: 'failed', message: `${who}: ${(error as Error).message}` };
    }
  }

  #end(id: number, outcome: Outcome): void {
    this.#ended.push({ id, outcome });
    if (this.#making || this.#ended.length > 1) return;
    // Promises that settle in one turn are answered together.
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#ended.length === 0) return;
    const ended = this.#ended;
    this.#ended = [];
    this.#options.send(ended);
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
