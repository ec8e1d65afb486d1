/**
 * Versions that answer requests which name none, one for each model of a pool, as the cluster's view has them. A new default is
 * adopted once each accepting pod is known to have it, or after a second: the view may be here before the pods' lists. No I/O.
 */
import { isSameVersion, versionIdOf, type PoolModel, type VersionId } from '../../contract/model-versions.ts';

export interface DefaultVersion extends VersionId {
  readonly generation: number;
  /**
   * Whether pods without it answer by versions of their own: in a rollout whose images drop it, and while no accepting pod has it, since
   * nothing is shed for the sake of agreement.
   */
  readonly isLoose: boolean;
}

/** Accepting pods that have a version, and all that list versions at all. */
export interface Holders {
  readonly having: number;
  readonly listing: number;
}

/** Time that a new default waits for the lists of pods. */
const adoptAfterMs = 1_000;

export class DefaultVersions {
  readonly #current = new Map<string, DefaultVersion>();
  readonly #coming = new Map<string, { readonly model: PoolModel; readonly sinceMs: number }>();
  readonly #skewed = new Set<string>();
  #unloaded: ReadonlySet<string> = new Set();

  /** Default of a model; undefined where each pod answers by its own. */
  get(model: string): DefaultVersion | undefined {
    return this.#current.get(model);
  }

  /** Whether someone has unloaded the model: no pod answers for it, whatever its list says. */
  isUnloaded(model: string): boolean {
    return this.#unloaded.has(model);
  }

  /** Whether the lists of pods decide on a new default. */
  get areComing(): boolean {
    return this.#coming.size > 0;
  }

  /** New and present defaults of all models, which pods should have in their lists. */
  *wanted(): Generator<[string, VersionId]> {
    for (const [name, { model }] of this.#coming) yield [name, model];
    for (const [name, version] of this.#current) if (!version.isLoose && !this.#coming.has(name)) yield [name, version];
  }

  /** Takes what the cluster shows. */
  follow(models: readonly PoolModel[], nowMs: number): void {
    const names = new Set(models.map(({ name }) => name));
    this.#unloaded = new Set(models.filter(({ unloaded }) => unloaded === true).map(({ name }) => name));
    for (const name of this.#current.keys()) if (!names.has(name)) this.#current.delete(name);
    for (const name of this.#coming.keys()) if (!names.has(name)) this.#coming.delete(name);
    for (const model of models) {
      const { name, generation } = model;
      if (model.skewed === true) this.#skewed.add(name);
      else this.#skewed.delete(name);
      const current = this.#current.get(name);
      if (current?.generation === generation && isSameVersion(current, model)) this.#coming.delete(name);
      else if (this.#coming.get(name)?.model.generation !== generation)
        this.#coming.set(name, { model, sinceMs: nowMs });
    }
  }

  /**
   * Adopts new defaults whose time has come, and looks anew who has the present ones.
   * @returns the models that have another default now
   */
  settle(holdersOf: (model: string, version: VersionId) => Holders, nowMs: number): string[] {
    const adopted: string[] = [];
    for (const [name, { model, sinceMs }] of this.#coming) {
      const { having, listing } = holdersOf(name, model);
      if (having < listing && this.#current.has(name) && nowMs < sinceMs + adoptAfterMs) continue;
      this.#coming.delete(name);
      this.#current.set(name, { ...versionIdOf(model), generation: model.generation, isLoose: false });
      adopted.push(name);
    }
    for (const [name, current] of this.#current) {
      const isLoose = this.#skewed.has(name) || holdersOf(name, current).having === 0;
      if (isLoose !== current.isLoose) this.#current.set(name, { ...current, isLoose });
    }
    return adopted;
  }
}
