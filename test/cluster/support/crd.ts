/** Definition of the ModelPool and the ClusterRoles beside it, which a cluster has once, from the sources under test. */
import path from 'node:path';
import { kubectl } from './kubectl.ts';
import { root } from './image.ts';

/** Installs or updates the definition, and waits until the API server serves it. */
export async function installCrd(): Promise<void> {
  await kubectl(['apply', '--server-side', '--force-conflicts', '-k', path.join(root, 'deploy/crd')]);
  await kubectl(['wait', '--for=condition=Established', 'crd/modelpools.sluice.dev', '--timeout=60s']);
}
