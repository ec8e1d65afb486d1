/** Contract test of the local cluster, with child processes as pods. */
import { fileURLToPath } from 'node:url';
import { LocalCluster } from '../../cluster/local/local-cluster.ts';
import { LocalScaling } from '../../cluster/local/scaling.ts';
import { parseModelPool } from '../../contract/model-pool.ts';
import { clusterContract } from '../support/cluster-contract.ts';

clusterContract('child processes', () => {
  const { pool } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'contract' },
    spec: { models: ['m'], scaling: { minReplicas: 0, maxReplicas: 4 } },
  });
  const local = new LocalCluster({
    pools: [pool!],
    defaults: { repository: '/nowhere', logLevel: 'info', graceMs: 5000, env: process.env },
    command: [process.execPath, fileURLToPath(new URL('../../cluster/local/fixtures/pod.ts', import.meta.url))],
    onLine: () => undefined,
    onWarning: () => undefined,
  });
  const cluster = new LocalScaling(local, () => undefined);
  const close = async (): Promise<void> => {
    await cluster.close();
    local.kill();
  };
  return Promise.resolve({ cluster, pool: 'contract', close });
});
