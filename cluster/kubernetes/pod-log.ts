/** Pods by name or by pool, and their lines, read from the API server with the rights of a person (`get pods/log`), as kubectl does. */
import { apiVersion } from '../../contract/model-pool.ts';
import { ApiError, type KubernetesApi } from './api.ts';

export interface NamedPod {
  readonly namespace: string;
  readonly name: string;
}

export interface PodLogRequest {
  /** Last lines to begin with; null for all that the node has kept. */
  readonly tail: number | null;
  readonly follow: boolean;
  /** Takes the container's process before this one. */
  readonly previous: boolean;
  /** Container of the pod; null for its only one. */
  readonly container: string | null;
  readonly signal: AbortSignal;
}

interface PodList {
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}
interface Pool {
  readonly spec?: { readonly scaleTargetRef?: { readonly name?: string } };
}
interface Deployment {
  readonly spec?: { readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> } };
}

export async function listPods(api: KubernetesApi): Promise<NamedPod[]> {
  const lists = await Promise.all(api.namespaces.map((namespace) => podsIn(api, namespace, null)));
  return lists.flat();
}

/** Pods of the Deployment that a pool scales; null if no namespace has a pool of this name with a Deployment. */
export async function podsOfPool(api: KubernetesApi, pool: string): Promise<NamedPod[] | null> {
  for (const namespace of api.namespaces) {
    const found = await orMissing(
      api.call<Pool>({
        operation: 'get modelpools',
        path: `/apis/${apiVersion}/namespaces/${namespace}/modelpools/${encodeURIComponent(pool)}`,
      }),
    );
    const target = found?.spec?.scaleTargetRef?.name;
    if (target === undefined) continue;
    const deployment = await orMissing(
      api.call<Deployment>({
        operation: 'get deployments',
        path: `/apis/apps/v1/namespaces/${namespace}/deployments/${encodeURIComponent(target)}`,
      }),
    );
    const labels = Object.entries(deployment?.spec?.selector?.matchLabels ?? {});
    if (labels.length > 0) return podsIn(api, namespace, labels.map(([key, value]) => `${key}=${value}`).join(','));
  }
  return null;
}

/** Calls `onLine` with each line until the stream ends or the signal aborts. @throws ApiError */
export async function readPodLog(
  api: KubernetesApi,
  { namespace, name }: NamedPod,
  request: PodLogRequest & { readonly onLine: (line: string) => void },
): Promise<void> {
  const { tail, follow, previous, container, signal, onLine } = request;
  try {
    const body = await api.stream({
      operation: 'get pods/log',
      path: `/api/v1/namespaces/${namespace}/pods/${encodeURIComponent(name)}/log`,
      query: {
        ...(tail === null ? {} : { tailLines: String(tail) }),
        ...(follow ? { follow: 'true' } : {}),
        ...(previous ? { previous: 'true' } : {}),
        ...(container === null ? {} : { container }),
      },
      accept: 'application/json, */*',
      signal,
    });
    body.setEncoding('utf8');
    let rest = '';
    // Chunks rather than readline, which hides the error of a stream that is cut off.
    for await (const chunk of body) {
      const lines = (rest + (chunk as string)).split(/\r?\n/);
      rest = lines.pop()!;
      for (const line of lines) onLine(line);
    }
    if (rest !== '') onLine(rest);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function podsIn(api: KubernetesApi, namespace: string, selector: string | null): Promise<NamedPod[]> {
  const { items } = await api.call<PodList>({
    operation: 'list pods',
    path: `/api/v1/namespaces/${namespace}/pods`,
    ...(selector === null ? {} : { query: { labelSelector: selector } }),
  });
  return items.map(({ metadata }) => ({ namespace, name: metadata.name }));
}

async function orMissing<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
  return answer.catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  });
}
