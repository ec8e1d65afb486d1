/**
 * Spreads what the watch in service finds over the pods of one pool. A pod counts its findings in each summary and lists them in its
 * status; from there this gateway knows them, and tells them to each pod that does not:
 *
 *   summary: another count than here → read the status ─┐
 *   summary: a sample is not judged  → read it later   ─┴→ new here → tell every pod;  lacking there → tell that pod
 *
 * Every gateway does so, pods that join or come back are read as they become ready, and what could not be told is found lacking
 * at the next look. So the word gets round with any number of gateways, without a scaler, and over restarts of either side.
 */
import type { Logger } from 'pino';
import type { SummaryHead } from '../../contract/envelope.ts';
import { paths } from '../../contract/headers.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import { versionKey } from '../../contract/model-versions.ts';
import { maxUnbatchedModels, type UnbatchedModel, type UnbatchedNotice } from '../../contract/unbatched.ts';
import type { Endpoint } from './endpoint.ts';
import { LoopTimeout, type LoopClock } from './loop-clock.ts';

export interface UnbatchedModelsDeps {
  readonly endpoints: () => Iterable<Endpoint>;
  readonly clock: LoopClock;
  readonly log: Logger;
}

/** Time between two looks at the status of one pod: a quarter of what the pool has to hear of a finding. */
const statusEveryMs = 500;
const noticeTimeoutMs = 1_000;

export class UnbatchedModels {
  readonly #endpoints: () => Iterable<Endpoint>;
  readonly #clock: LoopClock;
  readonly #log: Logger;
  readonly #found = new Map<string, UnbatchedModel>();
  /** Pods whose status is to be read, and when. */
  readonly #statusDueMs = new Map<Endpoint, number>();
  /** Time of the last look at each pod's status. */
  readonly #statusReadMs = new WeakMap<Endpoint, number>();

  constructor({ endpoints, clock, log }: UnbatchedModelsDeps) {
    this.#endpoints = endpoints;
    this.#clock = clock;
    this.#log = log;
  }

  get all(): IterableIterator<UnbatchedModel> {
    return this.#found.values();
  }

  /** The finding about a version of a model. */
  find(model: Pick<UnbatchedModel, 'name' | 'version'>): UnbatchedModel | undefined {
    return this.#found.size === 0 ? undefined : this.#found.get(versionKey(model));
  }

  /** Takes the end of an envelope's answer, and plans a look at the pod's status if there is anything to hear or tell. */
  onSummary(endpoint: Endpoint, { unbatched = 0, watching = false }: SummaryHead): void {
    if (unbatched !== this.#found.size) this.#plan(endpoint, 0);
    else if (watching) this.#plan(endpoint, statusEveryMs);
    else if (this.#statusDueMs.size > 0) this.#statusDueMs.delete(endpoint);
  }

  /** Takes the status of a pod that is ready. */
  onStatus(endpoint: Endpoint, { unbatched = [], watching = false }: PodStatus): void {
    this.#statusDueMs.delete(endpoint);
    this.#statusReadMs.set(endpoint, this.#clock.nowMs);
    const before = this.#found.size;
    for (const model of unbatched) this.#learn(model, endpoint);
    if (this.#found.size > before) for (const other of this.#endpoints()) if (other !== endpoint) this.#tell(other);
    if (unbatched.length < this.#found.size) this.#tell(endpoint);
    if (watching) this.#plan(endpoint, statusEveryMs);
  }

  /** Pods whose status is due to be read; each is handed out once. */
  *due(): Generator<Endpoint> {
    for (const [endpoint, dueMs] of this.#statusDueMs) {
      if (dueMs > this.#clock.nowMs) continue;
      this.#statusDueMs.delete(endpoint);
      if (!endpoint.deleted) yield endpoint;
    }
  }

  /** Plans another look, since the last one saw nothing. */
  onUnread(endpoint: Endpoint): void {
    this.#plan(endpoint, statusEveryMs);
  }

  #plan(endpoint: Endpoint, inMs: number): void {
    const { nowMs } = this.#clock;
    const earliestMs = (this.#statusReadMs.get(endpoint) ?? -Infinity) + statusEveryMs;
    this.#statusDueMs.set(endpoint, Math.max(nowMs + inMs, earliestMs));
  }

  #learn(model: UnbatchedModel, { name: podName }: Endpoint): void {
    const key = versionKey(model);
    if (this.#found.has(key) || this.#found.size >= maxUnbatchedModels) return;
    this.#found.set(key, model);
    const { name, version, reason } = model;
    this.#log.error({ model: name, version, podName, unbatchedReason: reason }, 'requests are no longer batched');
  }

  #tell(endpoint: Endpoint): void {
    // A pod that can't be reached now gets the notice when it becomes ready.
    if (endpoint.deleted || !endpoint.takesEnvelopes || endpoint.health.kind === 'joining') return;
    const notice: UnbatchedNotice = { models: [...this.#found.values()] };
    const call = endpoint.upstream.post(paths.unbatched, Buffer.from(JSON.stringify(notice)), {
      onAnswer: ({ status }) => {
        timeout.clear();
        if (status >= 300) this.#plan(endpoint, statusEveryMs);
      },
      onLost: () => {
        timeout.clear();
        this.#plan(endpoint, statusEveryMs);
      },
    });
    const timeout = new LoopTimeout(noticeTimeoutMs, this.#clock, () =>
      call.abort('hung', 'the notice was not answered'),
    );
  }
}
