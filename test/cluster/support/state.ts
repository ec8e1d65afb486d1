/** The system's own reports during a test: load reports of the gateways, replicas, status and events of a pool. */
import { createInterface } from 'node:readline';
import type { LoadReport, PodLoad } from '../../../contract/load-report.ts';
import type { PoolStatus } from '../../../contract/pool-status.ts';
import { isReady, until, type Namespace, type PodObject } from './kubectl.ts';
import { podsOf } from './pool.ts';
import { follow } from './started.ts';

export const gatewaySelector = 'app.kubernetes.io/component=gateway';
export const scalerSelector = 'app.kubernetes.io/component=scaler';

export async function loadReports(namespace: Namespace): Promise<LoadReport[]> {
  const gateways = (await namespace.pods(gatewaySelector)).filter(isReady);
  return Promise.all(
    gateways.map(async ({ metadata }) => JSON.parse(await namespace.get(metadata.name, 8081, '/load')) as LoadReport),
  );
}

/** Pods of a pool as each gateway reports them. */
export async function podStates(namespace: Namespace, pool: string): Promise<PodLoad[][]> {
  const reports = await loadReports(namespace);
  return reports.map(({ pools }) => [...(pools.find(({ name }) => name === pool)?.pods ?? [])]);
}

export async function poolStatus(namespace: Namespace, pool: string): Promise<PoolStatus | null> {
  return (await namespace.json<{ status?: PoolStatus }>(['get', 'modelpool', pool])).status ?? null;
}

export interface Deployment {
  readonly metadata: { readonly generation: number };
  readonly spec: { readonly replicas: number };
  readonly status: { readonly readyReplicas?: number };
}

export const deployment = (namespace: Namespace, name: string): Promise<Deployment> =>
  namespace.json<Deployment>(['get', 'deployment', name]);

export async function readyPods(namespace: Namespace, pool: string): Promise<PodObject[]> {
  return (await namespace.pods(podsOf(pool))).filter(isReady);
}

/** Patience for a node that starts the pods of two tests at once, or has other work. Only a hang reaches it. */
const settledMs = 600_000;

/** Waits until the pool has so many ready pods and no others, those that go included. */
export function settled(namespace: Namespace, pool: string, count: number, withinMs = settledMs): Promise<PodObject[]> {
  return until(`${count} pods of ${pool}`, withinMs, async () => {
    const pods = await namespace.pods(podsOf(pool));
    return pods.length === count && pods.every(isReady) ? pods : null;
  });
}

/** Reasons and messages of the events about an object, oldest first. */
export async function eventsOf(namespace: Namespace, name: string): Promise<string[]> {
  const { items } = await namespace.json<{ items: { reason: string; message: string }[] }>([
    'get',
    'events',
    '--field-selector',
    `involvedObject.name=${name}`,
    '--sort-by',
    '.lastTimestamp',
  ]);
  return items.map(({ reason, message }) => `${reason}: ${message}`);
}

export async function restartsOf(namespace: Namespace, selector: string): Promise<number[]> {
  const pods = await namespace.pods(selector);
  return pods.map(({ status }) => (status.containerStatuses ?? []).reduce((sum, one) => sum + one.restartCount, 0));
}

/** Restarts of the containers of a pool's pods, those of pods that are gone included. */
export class RestartWatch {
  readonly #restarts = new Map<string, number>();
  readonly #child: ReturnType<typeof follow>;

  constructor({ name }: Namespace, pool: string) {
    const output = 'jsonpath={.metadata.uid} {.status.containerStatuses[0].restartCount}{"\\n"}';
    const args = ['--namespace', name, 'get', 'pods', '--selector', podsOf(pool), '--watch', '--output', output];
    this.#child = follow(args);
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const [uid, count] = line.split(' ');
      this.#restarts.set(uid!, Number(count ?? '0'));
    });
  }

  get count(): number {
    return [...this.#restarts.values()].reduce((sum, count) => sum + count, 0);
  }

  close(): void {
    this.#child.kill();
  }
}

/** Every reason that the conditions of a pool have had since it began to watch, however short. */
export class ReasonWatch {
  readonly reasons = new Set<string>();
  readonly #child: ReturnType<typeof follow>;

  constructor({ name }: Namespace, pool: string) {
    const output = 'jsonpath={.status.conditions[*].reason}{"\\n"}';
    const args = ['--namespace', name, 'get', 'modelpool', pool, '--watch', '--output', output];
    const child = follow(args);
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      for (const reason of text.split(/\s+/)) this.reasons.add(reason);
    });
  }

  close(): void {
    this.#child.kill();
  }
}
