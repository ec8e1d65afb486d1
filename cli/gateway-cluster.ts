/** Source of a gateway's pools and pods: a file of addresses, the supervisor that started the process, or Kubernetes. */
import { connectToSupervisor } from '../cluster/local/ipc.ts';
import type { Cluster } from '../cluster/port.ts';
import { staticCluster } from '../cluster/static.ts';
import { SettingsError } from '../contract/settings.ts';
import { readPoolsFile } from '../cluster/pools-file.ts';
import { quote } from '../contract/errors.ts';
import type { GatewaySettings } from '../gateway/settings.ts';
import { clusterLog, withCredentials } from './kubernetes.ts';

/** @throws SettingsError */
export async function gatewayCluster(settings: GatewaySettings): Promise<Cluster> {
  const { pools: poolsFile, cluster, namespace, viewFile } = settings;
  if (cluster === 'kubernetes') {
    if (poolsFile !== undefined) {
      throw new SettingsError([
        `--pools (SLUICE_POOLS): cannot be combined with --cluster kubernetes, was: ${quote(poolsFile)}`,
      ]);
    }
    const { connectGateway } = await import('../cluster/kubernetes/connect.ts');
    return withCredentials(() =>
      connectGateway({ namespace, viewFile, log: clusterLog('gateway', settings.logLevel) }),
    );
  }
  if (poolsFile === undefined) {
    if (process.connected) return connectToSupervisor();
    throw new SettingsError(['--pools (SLUICE_POOLS): is required without a supervisor or --cluster kubernetes']);
  }
  const pools = readPoolsFile(poolsFile);
  const empty = pools.filter(({ spec }) => spec.endpoints.length === 0);
  if (empty.length > 0) {
    throw new SettingsError(
      empty.map(
        ({ metadata }) =>
          `${poolsFile}: pool ${metadata.name}: /spec/endpoints: must name at least one server, was: []` +
          ' (`sluice up` starts pods, `sluice gateway` does not)',
      ),
    );
  }
  return staticCluster(pools, Date.now());
}
