/**
 * Gate of a pod's start: waits a while for the wish of the pool where it matters, goes by the last one that is kept where none comes, and
 * says which of the versions found are loaded by the start. What has to wait, LiveModels loads once the pool names it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { unloadedReason, versionKey, type VersionWish } from '../../contract/model-versions.ts';
import { startPermits } from '../policy/start-permit.ts';
import type { ModelServerSettings } from '../settings.ts';
import type { LoadMarkers } from './load-markers.ts';
import type { ModelSet } from './model-set.ts';

export interface StartGateOptions {
  readonly models: ModelSet;
  readonly markers: LoadMarkers;
  /** Wish that an earlier process of this repository was sent; null for none. */
  readonly kept: VersionWish | null;
  /** Most time to wait for the wish, in milliseconds; null where no scaler could send one. */
  readonly wishWaitMs: { readonly withKept: number; readonly withoutKept: number } | null;
  readonly log: { warn(details: object, message: string): void };
}

const pollMs = 25;
/** Time for which a pod that starts waits for the wish of its pool: longer where it would have to try everything that it finds. */
const firstWishMs = { withKept: 3_000, withoutKept: 10_000 };

type WhoLeads = Pick<ModelServerSettings, 'podUid' | 'secret' | 'secretFile' | 'acceptPeersWithoutSecret'>;

/**
 * Most time that a start waits for a wish; null for a pod that takes orders from nobody, such as one that was started by hand. A pod of
 * Kubernetes is not told its UID: the shared secret shows that it has a scaler.
 */
export function wishWaitOf(settings: WhoLeads): StartGateOptions['wishWaitMs'] {
  const { podUid, secret, secretFile, acceptPeersWithoutSecret } = settings;
  const isLed = podUid !== undefined || secret !== undefined || secretFile !== undefined || acceptPeersWithoutSecret;
  return isLed ? firstWishMs : null;
}

export class StartGate {
  readonly #options: StartGateOptions;
  readonly #waiting = new Set<string>();
  /** Last wish that came during the start. */
  #heard: VersionWish | null = null;
  #isOpen = false;

  constructor(options: StartGateOptions) {
    this.#options = options;
  }

  /** Last wish that came during the start, or else the one that is kept; null where neither is known. */
  get wish(): VersionWish | null {
    const { kept, wishWaitMs } = this.#options;
    // A pod that no scaler leads goes by nothing but its own folder.
    return this.#heard ?? (this.#isOpen && wishWaitMs !== null ? kept : null);
  }

  hear(wish: VersionWish): void {
    this.#heard = wish;
  }

  /** Bans what must not be loaded, and remembers what must wait. */
  async open(): Promise<void> {
    const { models, markers, kept, wishWaitMs, log } = this.#options;
    const waitMs = (kept === null ? wishWaitMs?.withoutKept : wishWaitMs?.withKept) ?? 0;
    const untilMs = performance.now() + waitMs;
    // A version that has no other beside it, and ended nothing, is loaded in any case.
    const asks = markers.suspects.length > 0 || models.names.some((name) => models.versionsOf(name).length > 1);
    // A scaler that has not heard yet what the pod has found wishes nothing.
    while (asks && !this.#isTold && performance.now() < untilMs) await sleep(pollMs);
    this.#isOpen = true;
    if (asks && waitMs > 0 && !this.#isTold)
      log.warn({ waitMs, goesByKept: kept !== null }, 'no scaler has said in time which versions to load');
    const found = models.status();
    const permits = startPermits(found, { wish: this.wish, suspects: markers.suspects });
    found.forEach(({ name, version, hash }, index) => {
      const permit = permits[index]!;
      if (permit.kind === 'wait' || permit.kind === 'unloaded') this.#waiting.add(versionKey({ name, version }));
      if (permit.kind === 'unloaded') models.set(name, version, { kind: 'loading', stage: unloadedReason });
      if (permit.kind !== 'ban') return;
      const { reason } = permit;
      models.set(name, version, { kind: 'banned', reason });
      log.warn({ model: name, version, hash, reason }, 'a version is banned, and not loaded');
    });
  }

  get #isTold(): boolean {
    return this.#heard !== null && this.#heard.models.length > 0;
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
