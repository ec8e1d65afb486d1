/**
 * Models without which a pod is not ready. Each counts as soon as one version of it has been ready once: what happens to it later is
 * no reason to take a pod that serves out of service. One that someone has unloaded is not waited for. No I/O.
 */
import { unloadedReason } from '../../contract/model-versions.ts';
import { lacksModelWords } from '../../contract/pod-status.ts';
import type { ModelSet } from './model-set.ts';

/** Longest reason of one version, since probes show only the begin of a text. */
const longestReason = 200;

export class RequiredModels {
  readonly #models: Pick<ModelSet, 'status'>;
  /** Names of required models that have not been ready yet. */
  #missing: readonly string[];

  constructor(names: readonly string[], models: Pick<ModelSet, 'status'>) {
    this.#models = models;
    this.#missing = names;
  }

  /** Why the pod is not ready, in one line that names the models; null once each has been ready. */
  get problem(): string | null {
    if (this.#missing.length === 0) return null;
    const listed = this.#models.status();
    const ready = new Set(listed.filter((model) => model.ready).map(({ name }) => name));
    this.#missing = this.#missing.filter((name) => !ready.has(name));
    const unloaded = new Set(listed.filter(({ reason }) => reason === unloadedReason).map(({ name }) => name));
    const missing = this.#missing.filter((name) => !unloaded.has(name));
    if (missing.length === 0) return null;
    const [first] = missing;
    const { version, reason } = listed.find(({ name, isDefault }) => name === first && isDefault) ?? {};
    const why = version === undefined ? 'it is not in the repository' : `version ${version}: ${reason ?? 'not loaded'}`;
    const others = missing.length === 1 ? '' : ` (and ${missing.slice(1).join(', ')})`;
    return `model '${first!}'${others} ${lacksModelWords}: ${why.slice(0, longestReason)}`;
  }
}

/**
 * Names of the required models: those that the settings require, else those that they name.
 * @param required comma-separated names; `none` for none
 */
export function requiredNames(required: string | undefined, served: readonly string[] | null): readonly string[] {
  if (required === undefined) return served ?? [];
  return required === 'none' ? [] : namesIn(required);
}

/** Names in a comma-separated list. */
export function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim().normalize('NFC'))
    .filter((name) => name !== '');
}
