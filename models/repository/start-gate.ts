/**
 * Gate of a pod's start: waits a moment for the wish of the pool where it matters, and says which of the versions found are loaded by
 * the start. What has to wait, LiveModels loads once the pool names it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { versionKey, type VersionWish } from '../../contract/model-versions.ts';
import { startPermits } from '../policy/start-permit.ts';
import type { LoadMarkers } from './load-markers.ts';
import type { ModelSet } from './served-model.ts';

export interface StartGateOptions {
  readonly models: ModelSet;
  readonly markers: LoadMarkers;
  /** Most time to wait for the wish, in milliseconds; 0 where no scaler could send one. */
  readonly wishWaitMs: number;
  readonly log: { warn(details: object, message: string): void };
}

const pollMs = 25;

export class StartGate {
  readonly #options: StartGateOptions;
  readonly #waiting = new Set<string>();
  /** Last wish that came during the start. */
  wish: VersionWish | null = null;

  constructor(options: StartGateOptions) {
    this.#options = options;
  }

  /** Bans what must not be loaded, and remembers what must wait. */
  async open(): Promise<void> {
    const { models, markers, wishWaitMs, log } = this.#options;
    const untilMs = performance.now() + wishWaitMs;
    // A version that has no other beside it, and ended nothing, is loaded in any case.
    const asks = markers.suspects.length > 0 || models.names.some((name) => models.versionsOf(name).length > 1);
    // A scaler that has not heard yet what the pod has found wishes nothing.
    while (asks && !this.#isTold && performance.now() < untilMs) await sleep(pollMs);
    const found = models.status();
    const permits = startPermits(found, { wish: this.wish, suspects: markers.suspects });
    found.forEach(({ name, version, hash }, index) => {
      const permit = permits[index]!;
      if (permit.kind === 'wait') this.#waiting.add(versionKey({ name, version }));
      if (permit.kind !== 'ban') return;
      const { reason } = permit;
      models.set(name, version, { kind: 'banned', reason });
      log.warn({ model: name, version, hash, reason }, 'a version is banned, and not loaded');
    });
  }

  get #isTold(): boolean {
    return this.wish !== null && this.wish.models.length > 0;
  }

  /** Versions of a model that the pool answers by, whatever the version policy of the pod's files says. */
  inUse(name: string): string[] {
    const byDefault = this.wish?.models.find((model) => model.name === name)?.default ?? null;
    return byDefault === null ? [] : [byDefault.version];
  }

  /** Whether the start loads the version. */
  lets(name: string, version: string): boolean {
    return (
      !this.#waiting.has(versionKey({ name, version })) &&
      this.#options.models.stateOf(name, version)?.kind !== 'banned'
    );
  }
}
