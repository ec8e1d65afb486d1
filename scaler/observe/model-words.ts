/**
 * Words of people on the models of one pool, from the load reports of all gateways: which models are unloaded, and which ones someone
 * has had loaded. The latest word on a model counts. Words from before this process are none: after a restart of the scaler the pool's
 * spec says what is loaded.
 */
import type { RepositoryAction } from '../../contract/repository.ts';
import type { ObservedGateway } from '../policy/merge.ts';

interface Word {
  readonly action: RepositoryAction;
  /** Process of the gateway that heard it, and its number there. */
  readonly instance: string;
  readonly number: number;
  /** Time by this scaler's clock, later than it was said by what its first report took. */
  readonly atMs: number;
}

export class ModelWords {
  readonly #sinceMs: number;
  /** Number of the last word that was taken from each gateway process, by its instance. */
  readonly #taken = new Map<string, number>();
  readonly #last = new Map<string, Word>();
  readonly #loads = new Set<string>();

  /** @param sinceMs start of this process, in milliseconds since 1970 */
  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  /** Takes what the gateways' last reports say of the pool. */
  take(pool: string, gateways: readonly Pick<ObservedGateway, 'lastReport'>[]): void {
    for (const { lastReport } of gateways) {
      const report = lastReport?.report ?? null;
      if (lastReport === null || report === null) continue;
      const { instance } = report;
      const words = report.pools.find(({ name }) => name === pool)?.words ?? [];
      const taken = this.#taken.get(instance) ?? 0;
      // A word comes with each report, and counts with the time that the first one gave it.
      for (const { model, action, number, ageMs } of words) {
        if (number > taken) this.#hear(model, { action, instance, number, atMs: lastReport.atMs - ageMs });
      }
      this.#taken.set(instance, Math.max(taken, ...words.map(({ number }) => number)));
    }
  }

  #hear(model: string, word: Word): void {
    const last = this.#last.get(model);
    if (word.atMs < this.#sinceMs || (last !== undefined && isEarlier(word, last))) return;
    this.#last.set(model, word);
    if (word.action === 'load') this.#loads.add(model);
    else this.#loads.delete(model);
  }

  /** Names of the models that someone has unloaded. */
  get unloaded(): ReadonlySet<string> {
    const names = [...this.#last].flatMap(([model, { action }]) => (action === 'unload' ? [model] : []));
    return new Set(names);
  }

  /** Names of the models that someone has had loaded since the last call. */
  takeLoads(): ReadonlySet<string> {
    const loads = new Set(this.#loads);
    this.#loads.clear();
    return loads;
  }
}

/** Whether a word was said before another: times of one gateway differ by what its reports took, so there its numbers tell. */
function isEarlier(word: Word, other: Word): boolean {
  return word.instance === other.instance ? word.number < other.number : word.atMs < other.atMs;
}
