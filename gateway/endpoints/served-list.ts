/** The models that a pod serves, as its last status lists them, less those that it has refused since. No I/O. */
import { isSameHash, type VersionId } from '../../contract/model-versions.ts';
import type { ServedModel } from '../../contract/pod-status.ts';

interface Versions {
  /** Version that answers requests which name none; null if the status marks none. */
  readonly byDefault: string | null;
  /** Whether each version is ready. */
  readonly ready: Map<string, boolean>;
  /** Hash of each version's content, where the pod says. */
  readonly hashes: Map<string, string>;
}

export class ServedList {
  readonly #models = new Map<string, Versions>();
  /** Reasons of the pod for models that are not ready: of the default version, or else of any. */
  readonly #reasons = new Map<string, string>();
  #complete = true;

  constructor(models: readonly Pick<ServedModel, 'name' | 'version' | 'ready' | 'isDefault' | 'reason' | 'hash'>[]) {
    for (const { name, version, ready, isDefault, reason, hash } of models) {
      const known = this.#models.get(name);
      const versions: Versions = {
        byDefault: isDefault ? version : (known?.byDefault ?? null),
        ready: known?.ready ?? new Map<string, boolean>(),
        hashes: known?.hashes ?? new Map<string, string>(),
      };
      versions.ready.set(version, ready);
      if (hash !== undefined) versions.hashes.set(version, hash);
      this.#models.set(name, versions);
      this.#complete &&= ready;
      if (!ready && reason !== undefined && (isDefault || !this.#reasons.has(name))) this.#reasons.set(name, reason);
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
    return ready ?? this.servesAny(model);
  }

  lists(model: string): boolean {
    return this.#models.has(model);
  }

  /** Whether the version is ready, with that content as far as the pod says. */
  has(model: string, { version, hash }: VersionId): boolean {
    const versions = this.#models.get(model);
    return versions?.ready.get(version) === true && isSameHash(versions.hashes.get(version), hash);
  }

  /** Whether any version of the model is ready: the pod answers by one of its own then. */
  servesAny(model: string): boolean {
    const versions = this.#models.get(model);
    return versions !== undefined && [...versions.ready.values()].includes(true);
  }

  /** Human-readable reason for which the model is not ready; undefined if the pod gave none. */
  reasonOf(model: string): string | undefined {
    return this.#models.has(model) ? this.#reasons.get(model) : 'no such model in its repository';
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
