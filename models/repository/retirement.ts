/**
 * Retirement of models that get no new requests: the session of one is released once its last request has ended. Content that was
 * replaced stays for a while for requests that name its hash.
 */
import type { SessionHost } from '../session/session-host.ts';
import type { Transforms } from '../transforms/transforms.ts';
import type { ModelSet } from './model-set.ts';
import type { ServedModel } from './served-model.ts';

/** Time for which content that was replaced answers requests that name its hash: gateways hear of the new one meanwhile. */
const replacedForMs = 10_000;
const usersPollMs = 20;

export interface RetirementOptions {
  readonly host: Pick<SessionHost, 'release'>;
  readonly models: ModelSet;
  readonly transforms: Pick<Transforms, 'endUse'>;
  readonly log: { info(details: object, message: string): void };
}

export class Retirement {
  readonly #options: RetirementOptions;

  constructor(options: RetirementOptions) {
    this.#options = options;
  }

  /** Retires content that another one has replaced, once nobody asks for its hash any more. */
  retireReplaced(old: ServedModel, hash: string): void {
    const forget = this.#options.models.keepReplaced(old, { model: old, hash });
    setTimeout(() => {
      forget();
      this.retire(old);
    }, replacedForMs).unref();
  }

  /** Releases the session of a model that has left the set, once it has no requests. */
  retire(model: ServedModel): void {
    const { host, transforms, log } = this.#options;
    const timer = setInterval(() => {
      if (model.users > 0) return;
      clearInterval(timer);
      model.retired = true;
      host.release(model.session);
      transforms.endUse(model);
      log.info({ model: model.name, version: model.version }, 'a version has ended its requests and is released');
    }, usersPollMs).unref();
  }
}
