/** Where a gateway's pools and pods come from: a file of addresses, or the supervisor that started the process. */
import { connectToSupervisor } from '../cluster/local/ipc.ts';
import type { Cluster } from '../cluster/port.ts';
import { staticCluster } from '../cluster/static.ts';
import { SettingsError } from '../contract/settings.ts';
import { readPoolsFile } from '../cluster/pools-file.ts';

/** @throws SettingsError */
export function gatewayCluster(poolsFile: string | undefined): Cluster {
  if (poolsFile === undefined) {
    if (process.connected) return connectToSupervisor();
    throw new SettingsError(['--pools (SLUICE_POOLS): is required where no supervisor gives pools']);
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
