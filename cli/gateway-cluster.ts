/** Source of a gateway's pools and pods: a file of addresses, the supervisor that started the process, or Kubernetes. */
import { connectToSupervisor } from '../cluster/local/ipc.ts';
import type { Cluster } from '../cluster/port.ts';
import { staticCluster } from '../cluster/static.ts';
import { SettingsError } from '../contract/settings.ts';
import { watchText } from '../cluster/file-watch.ts';
import { describeChanges } from '../cluster/pool-changes.ts';
import { poolsOfText, readPoolsText } from '../cluster/pools-file.ts';
import type { ModelPool } from '../contract/model-pool.ts';
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
      connectGateway({
        namespaces: { pools: namespace?.split(',') },
        viewFile,
        log: clusterLog('gateway', settings.logLevel),
      }),
    );
  }
  if (poolsFile === undefined) {
    if (process.connected) return connectToSupervisor();
    throw new SettingsError(['--pools (SLUICE_POOLS): is required without a supervisor or --cluster kubernetes']);
  }
  const text = readPoolsText(poolsFile);
  let pools = poolsWithServers(text, poolsFile);
  const servers = staticCluster(pools, Date.now());
  const log = clusterLog('gateway', settings.logLevel, 'static');
  const stop = watchText({
    path: poolsFile,
    text,
    onUnreadable: (why) => log.warn(`${poolsFile} can't be read, the pools stay as they are: ${why}`),
    onChange: (changed) => {
      try {
        const next = poolsWithServers(changed, poolsFile);
        for (const change of describeChanges(pools, next)) log.info(`${poolsFile} has changed: ${change}`);
        pools = next;
        servers.setPools(pools, Date.now());
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        for (const mistake of error.errors) log.error(`refused, the pools stay as they are: ${mistake}`);
      }
    },
  });
  return {
    ...servers,
    close: () => {
      stop();
      return servers.close();
    },
  };
}

/** @throws SettingsError */
function poolsWithServers(text: string, file: string): ModelPool[] {
  const pools = poolsOfText(text, file);
  const empty = pools.filter(({ spec }) => spec.endpoints.length === 0);
  if (empty.length > 0) {
    throw new SettingsError(
      empty.map(
        ({ metadata }) =>
          `${file}: pool ${metadata.name}: /spec/endpoints: must name at least one server, was: []` +
          ' (`sluice up` starts pods, `sluice gateway` does not)',
      ),
    );
  }
  return pools;
}
