/**
 * Folds the output of a process that exits again and again for one reason: the first two exits are shown whole, later ones as a line
 * each time their number has doubled. Nothing is left out of a process that becomes ready, or exits for another reason.
 */
export interface CrashFoldOptions {
  readonly onLine: (line: string) => void;
  /** Called with messages for the user. */
  readonly onWarning: (message: string) => void;
}

/** Exits for one reason that are shown whole. */
const shownExits = 2;
/** Lines that are held of one process; one that says more is no mere repetition. */
const mostHeld = 200;

export class CrashFold {
  readonly #options: CrashFoldOptions;
  #exit: string | null = null;
  #exits = 0;
  /** Output since the last start; null where it is shown as it comes. */
  #held: string[] | null = null;

  constructor(options: CrashFoldOptions) {
    this.#options = options;
  }

  line(line: string): void {
    if (this.#held === null) return this.#options.onLine(line);
    this.#held.push(line);
    if (this.#held.length > mostHeld) this.#show();
  }

  /** The process is ready, so its start is news. */
  ready(): void {
    this.#show();
    this.#exit = null;
    this.#exits = 0;
  }

  /**
   * @param exit reason in words; the same words are the same reason
   * @param warning message for the user
   */
  exited(exit: string, warning: string): void {
    if (exit !== this.#exit) {
      this.#show();
      this.#exit = exit;
      this.#exits = 0;
    }
    this.#exits += 1;
    const isFolded = this.#held !== null;
    this.#held = this.#exits < shownExits ? null : [];
    if (!isFolded) return this.#options.onWarning(warning);
    const hasDoubled = Number.isInteger(Math.log2(this.#exits));
    if (hasDoubled)
      this.#options.onWarning(`${warning} (${this.#exits} times now; the output of repetitions is left out)`);
  }

  #show(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const line of held) this.#options.onLine(line);
  }
}
