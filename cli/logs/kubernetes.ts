/** Lines of pods in Kubernetes, from the API server by the kubeconfig. */
import { kubernetesApi } from '../../cluster/kubernetes/api.ts';
import { listPods, podsOfPool, readPodLog, type NamedPod } from '../../cluster/kubernetes/pod-log.ts';
import { AskError } from '../ask-scaler.ts';
import { withCredentials } from '../kubernetes.ts';
import { noSuch, poolOf } from './find-pods.ts';
import type { LogsFlags, LogSink } from './request.ts';

type Api = Parameters<typeof listPods>[0];

/** @throws AskError with the answer of the API server; SettingsError for unusable credentials */
export async function showKubernetes(asked: string, flags: LogsFlags, sink: LogSink): Promise<void> {
  const api = withCredentials(() => kubernetesApi({ pools: flags.namespace?.split(',') }));
  try {
    await showFrom(api, asked, { flags, sink });
  } catch (error) {
    throw error instanceof AskError ? error : new AskError((error as Error).message);
  } finally {
    api.close();
  }
}

export async function showFrom(
  api: Api,
  asked: string,
  { flags, sink }: { readonly flags: LogsFlags; readonly sink: LogSink },
): Promise<void> {
  const pods = await podsFor(api, asked);
  const request = {
    tail: flags.tail ?? null,
    follow: flags.follow === true,
    previous: flags.previous === true,
    container: flags.container ?? null,
    signal: sink.signal,
  };
  await Promise.all(
    pods.map((pod) => readPodLog(api, pod, { ...request, onLine: (line) => sink.line(pod.name, line, Date.now()) })),
  );
}

async function podsFor(api: Api, asked: string): Promise<readonly NamedPod[]> {
  const pool = poolOf(asked);
  if (pool !== null) {
    const pods = await podsOfPool(api, pool);
    if (pods === null) throw new AskError(`there is no pool ${JSON.stringify(pool)} in ${api.namespaces.join(', ')}`);
    return pods;
  }
  const all = await listPods(api);
  const found = all.filter(({ name }) => name === asked);
  if (found.length > 0) return found;
  throw noSuch(
    'pod',
    asked,
    all.map(({ name }) => name),
  );
}
