/** The models that a pod serves, as its last status lists them, less those that it has refused since. No I/O. */
import type { ServedModel } from '../../contract/pod-status.ts';

interface Versions {
  /** Version that answers requests which name none; null if the status marks none. */
  readonly byDefault: string | null;
  /** Whether each version is ready. */
  readonly ready: Map<string, boolean>;
}

export class ServedList {
  readonly #models = new Map<string, Versions>();
  #complete = true;

  constructor(models: readonly Pick<ServedModel, 'name' | 'version' | 'ready' | 'isDefault'>[]) {
    for (const { name, version, ready, isDefault } of models) {
      const known = this.#models.get(name);
      const versions: Versions = {
        byDefault: isDefault ? version : (known?.byDefault ?? null),
        ready: known?.ready ?? new Map<string, boolean>(),
      };
      versions.ready.set(version, ready);
      this.#models.set(name, versions);
      this.#complete &&= ready;
    }
  }

  /** Whether each listed version of each model is ready. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * Whether the pod can answer a request for this version; undefined is the default one. A version that it doesn't know it
   * answers with 404, if any other is ready.
   */
  serves(model: string, version: string | undefined): boolean {
    const versions = this.#models.get(model);
    if (versions === undefined) return false;
    const asked = version ?? versions.byDefault;
    const ready = asked === null ? undefined : versions.ready.get(asked);
    return ready ?? [...versions.ready.values()].includes(true);
  }

  /** The pod answered that it isn't ready. */
  refused(model: string, version: string | undefined): void {
    const versions = this.#models.get(model);
    const asked = version ?? versions?.byDefault ?? null;
    if (versions === undefined || asked === null) return;
    versions.ready.set(asked, false);
    this.#complete = false;
  }
}
