/** Source of a scaler's pools, pods and gateways: the supervisor that started the process, or Kubernetes. */
import { connectScaler } from '../cluster/local/scaler-ipc.ts';
import type { ScalableCluster } from '../cluster/scalable.ts';
import { SettingsError } from '../contract/settings.ts';
import type { ScalerSettings } from '../scaler/settings.ts';
import { clusterLog, withCredentials } from './kubernetes.ts';

/** @throws SettingsError */
export async function scalerCluster(settings: ScalerSettings): Promise<ScalableCluster> {
  const { cluster, namespace, ownNamespace, leaseName, podName, logLevel } = settings;
  if (cluster === 'kubernetes') {
    const kubernetes = await import('../cluster/kubernetes/connect.ts');
    const log = clusterLog('scaler', logLevel);
    const namespaces = { pools: namespace?.split(','), own: ownNamespace };
    return withCredentials(() => kubernetes.connectScaler({ namespaces, log, leaseName, podName }));
  }
  if (process.connected) return connectScaler();
  throw new SettingsError([
    'a scaler needs a cluster to resize: add --cluster kubernetes, or run `sluice up`, which starts its own scaler',
  ]);
}
