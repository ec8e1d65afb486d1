/**
 * A transform in the pod's own process, for code that is trusted as Sluice's own is (`transform.inPod` of config.yaml). It stands in
 * for a TransformProcess: the same calls and outcomes, without a pipe, and without what only another process can give, which
 * is a limit of time on code that computes, a limit of memory, and an end that is not the pod's.
 */
import type { CallRunner } from './call-runner.ts';
import { describeError } from './failures.ts';
import type { FileStates } from './file-state.ts';
import type { Call, Step } from './messages.ts';
import { folderOf, openTransform } from './open-transform.ts';
import { resolvePackagePath } from './package-path.ts';
import type { ProcessListener, TransformLimits } from './transform-process.ts';

export class InPodTransform {
  /** Files to watch: none, since a process can't import a module again with all that the module imports. */
  readonly files: FileStates = new Map();
  readonly pid = undefined;
  upMs: number | null = null;
  readonly #file: string;
  readonly #limits: TransformLimits;
  readonly #listener: ProcessListener;
  #runner: CallRunner | null = null;
  #held = 0;

  constructor(file: string, limits: TransformLimits, listener: ProcessListener) {
    this.#file = file;
    this.#limits = limits;
    this.#listener = listener;
    void this.#load();
  }

  get held(): number {
    return this.#held;
  }

  get up(): boolean {
    return this.#runner !== null;
  }

  send(step: Step, calls: readonly Call[]): void {
    this.#held += calls.length;
    this.#runner!.run(step, calls);
  }

  /** There is no process to end: calls that are under way still get their outcome. */
  retire(): void {
    this.#runner = null;
  }

  kill(reason: string): void {
    if (this.#runner === null) return;
    this.#runner = null;
    this.#listener.onEnd(reason);
  }

  async #load(): Promise<void> {
    try {
      resolvePackagePath();
      const { runner, surface } = await openTransform(this.#file, {
        timeoutMs: this.#limits.timeoutMs,
        send: (ended) => {
          this.#held -= ended.length;
          for (const { id, outcome } of ended) this.#listener.onOutcome(id, outcome);
        },
      });
      this.#runner = runner;
      this.upMs = performance.now();
      this.#listener.onUp(surface);
    } catch (error) {
      this.#listener.onEnd(describeError(error, folderOf(this.#file)));
    }
  }
}
