/**
 * A node without a kubelet: the test says what becomes of its pods. Real are the API server and every controller, so that a
 * small machine carries hundreds of pods, and a node can be lost without one of the cluster's being touched.
 */
import { ListWatch } from '../../../cluster/kubernetes/list-watch.ts';
import { kubernetesApi, type KubernetesApi } from '../../../cluster/kubernetes/api.ts';
import type { PodObject } from '../../../cluster/kubernetes/objects.ts';
import { until, type Namespace } from './kubectl.ts';

export interface StandInNodeOptions {
  /** Status of a pod that has come, written through `pods/status`. */
  readonly statusOf: (pod: PodObject) => Promise<object> | object;
  /** The pod was deleted, and its object is about to be removed. */
  readonly onEnd?: (pod: PodObject) => void;
}

/** Most concurrent writes: the API server should meet one kubelet's worth of requests, not a burst of five hundred. */
const writersMost = 8;
const heartbeatMs = 5_000;
const nodeConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];
const mergePatch = 'application/merge-patch+json';

export class StandInNode {
  readonly name: string;
  /** Lost: it says nothing any more and ends no pod, as a machine that has gone. */
  lost = false;
  readonly #api: KubernetesApi;
  readonly #namespace: Namespace;
  readonly #options: StandInNodeOptions;
  readonly #pods: ListWatch<PodObject>;
  /** Names of pods whose start or end is done, or under way. */
  readonly #started = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #queue: (() => Promise<void>)[] = [];
  #writers = 0;
  #heartbeat: NodeJS.Timeout | undefined;

  private constructor(namespace: Namespace, name: string, options: StandInNodeOptions) {
    this.name = name;
    this.#namespace = namespace;
    this.#options = options;
    this.#api = kubernetesApi({ pools: [namespace.name] });
    this.#pods = new ListWatch<PodObject>({
      api: this.#api,
      resource: { name: 'pods', path: `${this.#podsPath}?fieldSelector=spec.nodeName%3D${name}` },
      read: (object) => object,
      onChange: () => this.#look(),
      onConfirmed: () => undefined,
      onError: () => undefined,
    });
  }

  /** Its pods are those whose spec says `nodeName`: no scheduler looks at it. */
  static async start(namespace: Namespace, options: StandInNodeOptions): Promise<StandInNode> {
    const name = namespace.name;
    const node = new StandInNode(namespace, name, options);
    try {
      await node.#register();
    } catch (error) {
      await node.#stop();
      throw error;
    }
    node.#heartbeat = setInterval(() => void node.#beat().catch(() => undefined), heartbeatMs);
    return node;
  }

  /** Fields to add to the spec of a pod that shall run on this node. */
  get podSpec(): object {
    return {
      nodeName: this.name,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      // Where nothing else is said the API server adds 300 s for a node that has gone.
      tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }],
    };
  }

  /** A pod's status anew. */
  async write(pod: string, status: object): Promise<void> {
    await this.#api.call({
      operation: 'patch pods/status',
      method: 'PATCH',
      path: `${this.#podsPath}/${pod}/status`,
      contentType: mergePatch,
      body: { status },
      timeoutMs: 60_000,
    });
  }

  /** Takes the namespace away too: its pods have nobody else to end them. */
  async close(): Promise<void> {
    this.lost = false;
    await this.#namespace.delete();
    this.#look();
    try {
      await until('the pods of the stand-in node to end', 120_000, () => (this.#pods.objects.size === 0 ? true : null));
    } finally {
      clearInterval(this.#heartbeat);
      await this.#delete('nodes', `/api/v1/nodes/${this.name}`);
      await this.#delete('leases', this.#leasePath);
      await this.#stop();
    }
  }

  get #podsPath(): string {
    return `/api/v1/namespaces/${this.#namespace.name}/pods`;
  }

  get #leasePath(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${this.name}`;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    await this.#pods.close();
    this.#api.close();
  }

  async #register(): Promise<void> {
    await this.#api.call({
      operation: 'create nodes',
      method: 'POST',
      path: '/api/v1/nodes',
      body: {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: this.name },
        // The taint keeps off all pods that do not name this node.
        spec: { taints: [{ key: 'example.org/stand-in', effect: 'NoSchedule' }] },
      },
    });
    await this.#api.call({
      operation: 'create leases',
      method: 'POST',
      path: this.#leasePath.slice(0, -this.name.length - 1),
      body: {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: this.name, namespace: 'kube-node-lease' },
        spec: { holderIdentity: this.name, leaseDurationSeconds: 40, renewTime: microTime() },
      },
    });
    await this.#beat();
  }

  async #beat(): Promise<void> {
    if (this.lost) return;
    const at = new Date().toISOString();
    const condition = (type: string): object => ({
      type,
      status: type === 'Ready' ? 'True' : 'False',
      reason: 'StandIn',
      message: 'as the test says',
      lastHeartbeatTime: at,
      lastTransitionTime: at,
    });
    await this.#api.call({
      operation: 'patch leases',
      method: 'PATCH',
      path: this.#leasePath,
      contentType: mergePatch,
      body: { spec: { renewTime: microTime() } },
    });
    const room = { cpu: '1000', memory: '1Ti', pods: '2000' };
    await this.#api.call({
      operation: 'patch nodes/status',
      method: 'PATCH',
      path: `/api/v1/nodes/${this.name}/status`,
      contentType: mergePatch,
      body: { status: { capacity: room, allocatable: room, conditions: nodeConditions.map(condition) } },
    });
  }

  #look(): void {
    if (this.lost) return;
    for (const pod of this.#pods.objects.values()) {
      const name = pod.metadata?.name ?? '';
      if (pod.metadata?.deletionTimestamp !== undefined) this.#once(this.#ended, name, () => this.#end(pod, name));
      else if (pod.status?.phase === 'Pending') this.#once(this.#started, name, () => this.#begin(pod, name));
    }
  }

  async #begin(pod: PodObject, name: string): Promise<void> {
    await this.write(name, await this.#options.statusOf(pod));
  }

  async #end(pod: PodObject, name: string): Promise<void> {
    this.#options.onEnd?.(pod);
    await this.#delete('pods', `${this.#podsPath}/${name}`);
  }

  async #delete(resource: string, path: string): Promise<void> {
    try {
      await this.#api.call({
        operation: `delete ${resource}`,
        method: 'DELETE',
        path,
        timeoutMs: 60_000,
        body: { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 },
      });
    } catch (error) {
      if ((error as { status?: number }).status !== 404) throw error;
    }
  }

  /** Runs `work` once for each name, a few at a time; failed work is repeated at the next look. */
  #once(done: Set<string>, name: string, work: () => Promise<void>): void {
    if (done.has(name)) return;
    done.add(name);
    this.#queue.push(async () => {
      try {
        await work();
      } catch {
        done.delete(name);
      }
    });
    if (this.#writers < writersMost) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#writers += 1;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) await next();
    this.#writers -= 1;
  }
}

/** Status of a pod that became ready just now. */
export function readyStatus(pod: PodObject, ip: string): object {
  const at = new Date().toISOString();
  const containers = (pod.spec?.containers ?? []) as readonly { readonly name?: string; readonly image?: string }[];
  return {
    phase: 'Running',
    podIP: ip,
    podIPs: [{ ip }],
    startTime: at,
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: at,
    })),
    containerStatuses: containers.map(({ name, image }) => ({
      name,
      image,
      imageID: '',
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: at } },
    })),
  };
}

/** RFC 3339 with six digits of a second, as a Lease wants it. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
