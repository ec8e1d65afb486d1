/** Write requests to the API server, each with the version that its decision was based on as precondition. */
import type { PoolStatus } from '../../contract/pool-status.ts';
import type { WriteResult } from '../scalable.ts';
import { ApiError, type ApiRequest, type KubernetesApi } from './api.ts';
import type { KubernetesObject } from './objects.ts';
import { deletionCostAnnotation, drainingAnnotation, drainLeaseAnnotation } from './read-pod.ts';

/** Object to write, with the version known to the caller. */
interface WriteTarget {
  /** Pool on whose behalf the object is written. */
  readonly pool: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly version: string;
}

interface Hooks {
  readonly onDone?: (answer: KubernetesObject) => void;
  readonly onForbidden?: (message: string) => void;
}

const mergePatch = 'application/merge-patch+json';
const jsonPatch = 'application/json-patch+json';

export class Writes {
  readonly #api: KubernetesApi;
  readonly #onForbidden: (pool: string, message: string) => void;
  /**
   * Last own write by UID: the version that it was based on, and the version that it created. Allows a second write from the
   * same view without a self-inflicted conflict.
   */
  readonly #ownWrites = new Map<string, { known: string; now: string }>();

  /** @param onForbidden called for a forbidden write that scaling needs, so not for a status */
  constructor(api: KubernetesApi, onForbidden: (pool: string, message: string) => void) {
    this.#api = api;
    this.#onForbidden = onForbidden;
  }

  /** Forgets own writes to objects that no longer exist. */
  forget(exists: (uid: string) => boolean): void {
    for (const uid of this.#ownWrites.keys()) if (!exists(uid)) this.#ownWrites.delete(uid);
  }

  scale(deployment: WriteTarget, replicas: number): Promise<WriteResult> {
    const { namespace, name } = deployment;
    return this.#write(deployment, (resourceVersion) => ({
      operation: 'update deployments/scale',
      method: 'PUT',
      path: `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/scale`,
      body: {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: { name, namespace, resourceVersion },
        spec: { replicas },
      },
    }));
  }

  markDraining(pod: WriteTarget, owner: string | null, lease: string | null): Promise<WriteResult> {
    return this.#annotate(pod, { [drainingAnnotation]: owner, [drainLeaseAnnotation]: owner === null ? null : lease });
  }

  setDeletionCost(pod: WriteTarget, cost: number): Promise<WriteResult> {
    return this.#annotate(pod, { [deletionCostAnnotation]: cost === 0 ? null : String(cost) });
  }

  evict(pod: WriteTarget): Promise<WriteResult> {
    const { namespace, name, uid } = pod;
    return this.#write(pod, (resourceVersion) => ({
      operation: 'create pods/eviction',
      method: 'POST',
      path: `${this.#podPath(pod)}/eviction`,
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace },
        deleteOptions: { preconditions: { uid, resourceVersion } },
      },
    }));
  }

  kill(pod: WriteTarget): Promise<WriteResult> {
    return this.#write(pod, () => ({
      operation: 'delete pods',
      method: 'DELETE',
      path: this.#podPath(pod),
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        gracePeriodSeconds: 0,
        preconditions: { uid: pod.uid },
      },
    }));
  }

  /** Replaces the whole status, since a merge would keep the inputs of earlier decisions. */
  writeStatus(
    { namespace, name, uid }: Omit<WriteTarget, 'pool' | 'version'>,
    status: PoolStatus,
  ): Promise<WriteResult> {
    return this.#send({
      operation: 'patch modelpools/status',
      method: 'PATCH',
      path: `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/modelpools/${name}/status`,
      contentType: jsonPatch,
      body: [
        { op: 'test', path: '/metadata/uid', value: uid },
        { op: 'add', path: '/status', value: status },
      ],
    });
  }

  #annotate(pod: WriteTarget, annotations: Record<string, string | null>): Promise<WriteResult> {
    return this.#write(pod, (resourceVersion) => ({
      operation: 'patch pods',
      method: 'PATCH',
      path: this.#podPath(pod),
      contentType: mergePatch,
      body: { metadata: { uid: pod.uid, resourceVersion, annotations } },
    }));
  }

  #podPath({ namespace, name }: WriteTarget): string {
    return `/api/v1/namespaces/${namespace}/pods/${name}`;
  }

  async #write(target: WriteTarget, request: (version: string) => ApiRequest): Promise<WriteResult> {
    const own = this.#ownWrites.get(target.uid);
    const version = own?.known === target.version ? own.now : target.version;
    return this.#send(request(version), {
      onDone: ({ metadata }) => {
        const { uid, resourceVersion } = metadata ?? {};
        if (uid !== target.uid || resourceVersion === undefined) return;
        this.#ownWrites.set(uid, { known: target.version, now: resourceVersion });
      },
      onForbidden: (message) => this.#onForbidden(target.pool, message),
    });
  }

  async #send(request: ApiRequest, { onDone, onForbidden }: Hooks = {}): Promise<WriteResult> {
    try {
      const answer = await this.#api.call<KubernetesObject>(request);
      onDone?.(answer);
      return { kind: 'done' };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 403) onForbidden?.(detail);
      if (status === 409 || status === 404 || isOtherObject(status, detail)) return { kind: 'conflict', detail };
      if (status === 429) return { kind: 'refused', detail };
      return { kind: 'failed', detail };
    }
  }
}

/** Detects a patch of an object with another UID, which the API server rejects as invalid (422) instead of as a conflict. */
function isOtherObject(status: number, detail: string): boolean {
  return status === 422 && /metadata\.uid|rejected our request due to an error in our request/.test(detail);
}
