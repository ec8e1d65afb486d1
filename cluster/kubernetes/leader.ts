/** Keeps, or tries to get, the Lease of this scaler; policy/lease.ts decides. */
import { V1MicroTime } from '@kubernetes/client-node';
import { ApiError, type KubernetesApi } from './api.ts';
import type { ObjectMeta } from './objects.ts';
import {
  isLeading,
  leaseConfig,
  nextLookMs,
  nextStep,
  noLease,
  observe,
  written,
  type LeaseConfig,
  type LeaseRecord,
  type LeaseState,
  type LeaseStep,
} from './policy/lease.ts';
import type { Leadership } from '../scalable.ts';

export interface LeaderOptions {
  readonly api: KubernetesApi;
  readonly leaseName: string;
  /** Of this process alone: two with one identity would both lead. */
  readonly identity: string;
  /** Leading began or ended, or another process holds the lease now. */
  readonly onChange: () => void;
  /** The lease was read or written. */
  readonly onHeard: () => void;
  /** The first of a row of failures, and the end of one (null). */
  readonly onTrouble: (trouble: string | null) => void;
  readonly config?: LeaseConfig;
}

interface LeaseObject {
  readonly apiVersion: 'coordination.k8s.io/v1';
  readonly kind: 'Lease';
  readonly metadata: ObjectMeta & { readonly namespace: string };
  readonly spec?: {
    readonly holderIdentity?: string | undefined;
    readonly leaseDurationSeconds?: number | undefined;
    readonly acquireTime?: V1MicroTime | string | undefined;
    readonly renewTime?: V1MicroTime | string | undefined;
    readonly leaseTransitions?: number | undefined;
  };
}

export class Leader {
  readonly #options: LeaderOptions;
  readonly #config: LeaseConfig;
  readonly #path: string;
  /** Half of what the holder has: one that hangs leaves time for another. */
  readonly #timeoutMs: number;
  #state: LeaseState = noLease;
  #lease: LeaseObject | null = null;
  /** Of the last look; null where it failed. */
  #step: LeaseStep | null = null;
  #said: { leading: boolean; holder: string | null } = { leading: false, holder: null };
  #trouble: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #trying: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#config = options.config ?? leaseConfig;
    this.#timeoutMs = this.#config.renewLimitMs / 2;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.api.namespace}/leases`;
    this.#next(0);
  }

  get leadership(): Leadership {
    const { record } = this.#state;
    return {
      leading: isLeading(this.#config, this.#state, performance.now()),
      holder: record === null || record.holder === '' ? null : record.holder,
      transitions: record?.transitions ?? 0,
    };
  }

  /** Gives the lease back, so that another process need not wait for its end. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#trying;
    if (!this.leadership.leading) return;
    const version = this.#state.record!.version;
    // From here on no write is let through, whatever becomes of this one.
    this.#state = { ...this.#state, renewedAtMs: null };
    try {
      await this.#write({ kind: 'write', version, transitions: this.#state.record!.transitions, takes: false }, '', 1);
    } catch {
      // It ends by its time.
    }
  }

  #next(afterMs: number): void {
    this.#timer = setTimeout(() => {
      this.#trying = this.#try().finally(() => {
        this.#tell();
        if (!this.#closed) this.#next(nextLookMs(this.#config, this.#step, Math.random()));
      });
    }, afterMs);
  }

  async #try(): Promise<void> {
    const { identity, leaseName } = this.#options;
    this.#step = null;
    try {
      // Whoever leads writes without reading first: a change by another answers 409.
      if (!this.leadership.leading) await this.#read();
      const step = nextStep(this.#config, this.#state, identity, performance.now());
      this.#step = step;
      if (step.kind !== 'wait') {
        const startedMs = performance.now();
        try {
          this.#lease = await this.#write(step, identity, Math.ceil(this.#config.durationMs / 1000));
          this.#state = written(recordOf(this.#lease), startedMs, performance.now());
        } catch (error) {
          if (!(error instanceof ApiError) || ![404, 409].includes(error.status)) throw error;
          // Another was faster, or a write of ours was accepted and its answer lost.
          await this.#read();
        }
      }
      this.#say(null);
    } catch (error) {
      this.#say(`lease ${leaseName}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #read(): Promise<void> {
    const { api, leaseName, identity } = this.#options;
    try {
      this.#lease = await api.call<LeaseObject>({
        what: 'get leases',
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
    const now = new V1MicroTime();
    const takes = step.kind === 'create' || (step.kind === 'write' && step.takes);
    const lease: LeaseObject = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...(this.#lease?.metadata ?? { name: leaseName, namespace: api.namespace }),
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
      return api.call({ what: 'create leases', method: 'POST', path: this.#path, body: lease, timeoutMs });
    }
    const path = `${this.#path}/${leaseName}`;
    return api.call({ what: 'update leases', method: 'PUT', path, body: lease, timeoutMs });
  }

  #tell(): void {
    const { leading, holder } = this.leadership;
    if (leading === this.#said.leading && holder === this.#said.holder) return;
    this.#said = { leading, holder };
    this.#options.onChange();
  }

  #say(trouble: string | null): void {
    const first = (trouble === null) !== (this.#trouble === null);
    this.#trouble = trouble;
    if (trouble === null) this.#options.onHeard();
    if (first) this.#options.onTrouble(trouble);
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
