/** Leader election: acquires and renews the scaler's Lease, as policy/lease.ts decides. */
import { ApiError, type KubernetesApi } from './api.ts';
import type { ObjectMeta } from './objects.ts';
import {
  holderOf,
  isLeading,
  leaseConfig,
  nextAttemptMs,
  nextStep,
  noLease,
  observe,
  afterWrite,
  type LeaseConfig,
  type LeaseRecord,
  type LeaseState,
  type LeaseStep,
} from './policy/lease.ts';
import type { Leadership } from '../scalable.ts';

export interface LeaderOptions {
  readonly api: KubernetesApi;
  readonly leaseName: string;
  /** Identity of this process. It must be unique, since two processes with one identity would both lead. */
  readonly identity: string;
  /** Called when this process starts or stops leading, or another process takes the lease. */
  readonly onChange: () => void;
  /** Called after each successful read or write of the lease. */
  readonly onConfirmed: () => void;
  /** Called with the first of consecutive failures, and with null after recovery. */
  readonly onError: (message: string | null) => void;
  readonly config?: LeaseConfig;
}

interface LeaseObject {
  readonly apiVersion: 'coordination.k8s.io/v1';
  readonly kind: 'Lease';
  readonly metadata: ObjectMeta & { readonly namespace: string };
  readonly spec?: {
    readonly holderIdentity?: string | undefined;
    readonly leaseDurationSeconds?: number | undefined;
    readonly acquireTime?: string | undefined;
    readonly renewTime?: string | undefined;
    readonly leaseTransitions?: number | undefined;
  };
}

export class Leader {
  readonly #options: LeaderOptions;
  readonly #config: LeaseConfig;
  readonly #path: string;
  /** Request timeout: half of the renewal limit, so that a hanging request leaves time for a retry. */
  readonly #timeoutMs: number;
  #state: LeaseState = noLease;
  #lease: LeaseObject | null = null;
  /** Step of the last attempt; null if the attempt failed. */
  #step: LeaseStep | null = null;
  /** Leadership last reported by `onChange`. */
  #reported: { leading: boolean; holder: string | null } = { leading: false, holder: null };
  #lastError: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #attempt: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#config = options.config ?? leaseConfig;
    this.#timeoutMs = this.#config.renewLimitMs / 2;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.api.ownNamespace}/leases`;
    this.#schedule(0);
  }

  get leadership(): Leadership {
    const { record } = this.#state;
    const nowMs = performance.now();
    return {
      leading: isLeading(this.#config, this.#state, nowMs),
      holder: holderOf(this.#config, this.#state, this.#options.identity, nowMs),
      group: `${this.#options.api.ownNamespace}/${this.#options.leaseName}`,
      transitions: record?.transitions ?? 0,
    };
  }

  /** Releases the lease, so that another process need not wait until it expires. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#attempt;
    if (!this.leadership.leading) return;
    const version = this.#state.record!.version;
    // Leadership ends before the release, whether or not the release succeeds.
    this.#state = { ...this.#state, renewedAtMs: null };
    try {
      await this.#write({ kind: 'write', version, transitions: this.#state.record!.transitions, takes: false }, '', 1);
    } catch {
      // The lease expires by itself.
    }
  }

  #schedule(afterMs: number): void {
    this.#timer = setTimeout(() => {
      this.#attempt = this.#acquireOrRenew().finally(() => {
        this.#reportChange();
        if (!this.#closed) this.#schedule(nextAttemptMs(this.#config, this.#step, Math.random()));
      });
    }, afterMs);
  }

  async #acquireOrRenew(): Promise<void> {
    const { identity, leaseName } = this.#options;
    this.#step = null;
    try {
      // The leader writes without reading first; a change by another process would be answered 409.
      if (!this.leadership.leading) await this.#read();
      const step = nextStep(this.#config, this.#state, identity, performance.now());
      this.#step = step;
      if (step.kind !== 'wait') {
        const startedMs = performance.now();
        try {
          this.#lease = await this.#write(step, identity, Math.ceil(this.#config.durationMs / 1000));
          this.#state = afterWrite(recordOf(this.#lease), startedMs, performance.now());
        } catch (error) {
          if (!(error instanceof ApiError) || ![404, 409].includes(error.status)) throw error;
          // Another process was faster, or an earlier write of ours succeeded and its answer was lost.
          await this.#read();
        }
      }
      this.#reportError(null);
    } catch (error) {
      this.#reportError(`lease ${leaseName}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #read(): Promise<void> {
    const { api, leaseName, identity } = this.#options;
    try {
      this.#lease = await api.call<LeaseObject>({
        operation: 'get leases',
        path: `${this.#path}/${leaseName}`,
        timeoutMs: this.#timeoutMs,
      });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      this.#lease = null;
    }
    const record = this.#lease === null ? null : recordOf(this.#lease);
    this.#state = observe(this.#state, record, identity, performance.now());
  }

  async #write(step: LeaseStep, holder: string, durationSeconds: number): Promise<LeaseObject> {
    const { api, leaseName } = this.#options;
    const now = microTime(Date.now());
    const takes = step.kind === 'create' || (step.kind === 'write' && step.takes);
    const lease: LeaseObject = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...(this.#lease?.metadata ?? { name: leaseName, namespace: api.ownNamespace }),
        ...(step.kind === 'write' ? { resourceVersion: step.version } : {}),
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: durationSeconds,
        acquireTime: takes ? now : this.#lease?.spec?.acquireTime,
        renewTime: now,
        leaseTransitions: step.kind === 'write' ? step.transitions : 0,
      },
    };
    const timeoutMs = this.#timeoutMs;
    if (step.kind === 'create') {
      return api.call({ operation: 'create leases', method: 'POST', path: this.#path, body: lease, timeoutMs });
    }
    const path = `${this.#path}/${leaseName}`;
    return api.call({ operation: 'update leases', method: 'PUT', path, body: lease, timeoutMs });
  }

  #reportChange(): void {
    const { leading, holder } = this.leadership;
    if (leading === this.#reported.leading && holder === this.#reported.holder) return;
    this.#reported = { leading, holder };
    this.#options.onChange();
  }

  #reportError(message: string | null): void {
    const changed = (message === null) !== (this.#lastError === null);
    this.#lastError = message;
    if (message === null) this.#options.onConfirmed();
    if (changed) this.#options.onError(message);
  }
}

function recordOf({ metadata, spec }: LeaseObject): LeaseRecord {
  return {
    holder: spec?.holderIdentity ?? '',
    durationMs: (spec?.leaseDurationSeconds ?? 0) * 1000,
    transitions: spec?.leaseTransitions ?? 0,
    version: metadata.resourceVersion ?? '',
  };
}

/** RFC 3339 with six digits of a second, the form of times in a Lease. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
