/** The few requests that change something, each with what it was decided on as its precondition. */
import type { PoolStatus } from '../../contract/pool-status.ts';
import type { WriteResult } from '../scalable.ts';
import { ApiError, type ApiRequest, type KubernetesApi } from './api.ts';
import type { KubernetesObject } from './objects.ts';
import { deletionCostAnnotation, drainingAnnotation } from './read-pod.ts';

/** The version of an object as a caller knows it. */
interface Target {
  /** That it is changed for. */
  readonly pool: string;
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
   * By UID: the version that a caller knew when it wrote, and the one that came of that. A second write on the same
   * knowledge has nothing of another writer between.
   */
  readonly #ours = new Map<string, { known: string; now: string }>();

  /** @param onForbidden a pool can't be scaled for it; a status that may not be written hinders nothing */
  constructor(api: KubernetesApi, onForbidden: (pool: string, message: string) => void) {
    this.#api = api;
    this.#onForbidden = onForbidden;
  }

  /** Objects that are gone need not be remembered. */
  forget(exists: (uid: string) => boolean): void {
    for (const uid of this.#ours.keys()) if (!exists(uid)) this.#ours.delete(uid);
  }

  scale(deployment: Target, replicas: number): Promise<WriteResult> {
    const { namespace } = this.#api;
    const { name } = deployment;
    return this.#write(deployment, (resourceVersion) => ({
      what: 'update deployments/scale',
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

  markDraining(pod: Target, owner: string | null): Promise<WriteResult> {
    return this.#annotate(pod, { [drainingAnnotation]: owner });
  }

  setDeletionCost(pod: Target, cost: number): Promise<WriteResult> {
    return this.#annotate(pod, { [deletionCostAnnotation]: cost === 0 ? null : String(cost) });
  }

  evict(pod: Target): Promise<WriteResult> {
    const { namespace } = this.#api;
    const { name, uid } = pod;
    return this.#write(pod, (resourceVersion) => ({
      what: 'create pods/eviction',
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

  kill(pod: Target): Promise<WriteResult> {
    return this.#write(pod, () => ({
      what: 'delete pods',
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

  /** The whole status anew: a merge would keep the inputs of earlier decisions. */
  writeStatus(pool: string, uid: string, status: PoolStatus): Promise<WriteResult> {
    return this.#send({
      what: 'patch modelpools/status',
      method: 'PATCH',
      path: `/apis/sluice.dev/v1alpha1/namespaces/${this.#api.namespace}/modelpools/${pool}/status`,
      contentType: jsonPatch,
      body: [
        { op: 'test', path: '/metadata/uid', value: uid },
        { op: 'add', path: '/status', value: status },
      ],
    });
  }

  #annotate(pod: Target, annotations: Record<string, string | null>): Promise<WriteResult> {
    return this.#write(pod, (resourceVersion) => ({
      what: 'patch pods',
      method: 'PATCH',
      path: this.#podPath(pod),
      contentType: mergePatch,
      body: { metadata: { uid: pod.uid, resourceVersion, annotations } },
    }));
  }

  #podPath({ name }: Target): string {
    return `/api/v1/namespaces/${this.#api.namespace}/pods/${name}`;
  }

  async #write(target: Target, request: (version: string) => ApiRequest): Promise<WriteResult> {
    const own = this.#ours.get(target.uid);
    const version = own?.known === target.version ? own.now : target.version;
    return this.#send(request(version), {
      onDone: ({ metadata }) => {
        const { uid, resourceVersion } = metadata ?? {};
        if (uid !== target.uid || resourceVersion === undefined) return;
        this.#ours.set(uid, { known: target.version, now: resourceVersion });
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

/** In a patch another UID is no conflict to the API server: a field that may not change, or a test that failed. */
function isOtherObject(status: number, detail: string): boolean {
  return status === 422 && /metadata\.uid|rejected our request due to an error in our request/.test(detail);
}
