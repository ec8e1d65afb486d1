/** The contract of a cluster that can be resized, kept by a real Kubernetes. */
import { test } from 'node:test';
import { clusterContract } from '../support/cluster-contract.ts';
import { adapterNamespace, clusterAsked, idleDeployment, poolOf, scalerOf, skip } from './support/adapter.ts';

if (!clusterAsked) test('contract of a cluster that can be resized: Kubernetes', { skip });
else {
  clusterContract('Kubernetes', async () => {
    const namespace = await adapterNamespace('contract');
    await namespace.apply(idleDeployment('contract'));
    await namespace.apply(poolOf('contract'));
    const cluster = scalerOf(namespace);
    const close = async (): Promise<void> => {
      await cluster.close();
      await namespace.delete();
    };
    return { cluster, pool: 'contract', close };
  });
}
