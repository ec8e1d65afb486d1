/** Real pods behind the gateway of gateway-harness.ts: model servers in this process, which the gateway is shown as ready. */
import type { TestContext } from 'node:test';
import { startModelServer, type RepositoryFiles, type TestServer } from '../../models/testing/model-server.ts';
import { until, type Harness } from './gateway-harness.ts';
import { readyPod } from './stand-in-pod.ts';

/** Starts a pod for each repository, and waits until the gateway sends requests to all. */
export async function startRealPods(
  t: TestContext,
  harness: Harness,
  repositories: readonly RepositoryFiles[],
  settings: Readonly<Record<string, string>> = {},
): Promise<readonly TestServer[]> {
  const pods: TestServer[] = [];
  for (const [index, repository] of repositories.entries()) {
    const pod = await startModelServer(repository, { podName: `pod-${index}`, podUid: String(index), ...settings });
    t.after(() => pod[Symbol.asyncDispose]());
    pods.push(pod);
  }
  harness.cluster.show({
    pools: [harness.pool],
    pods: pods.map(({ origin }, index) => readyPod(String(index), origin)),
  });
  await until('all pods are known', () => acceptingPods(harness) === pods.length);
  return pods;
}

/** Number of pods that the gateway sends requests to. */
export function acceptingPods({ gateway }: Harness): number {
  return [...gateway.pools.all].reduce((sum, { endpoints }) => sum + endpoints.accepting.size, 0);
}
