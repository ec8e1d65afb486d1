/** Definition of the ModelPool and the ClusterRoles beside it, which a cluster has once, from the sources under test or those of a release. */
import path from 'node:path';
import { kubectl } from './kubectl.ts';
import { present, type Release } from './release.ts';

/** Installs or updates the definition, and waits until the API server serves it. */
export async function installCrd({ folder }: Release = present): Promise<void> {
  await kubectl(['apply', '--server-side', '--force-conflicts', '-k', path.join(folder, 'deploy/crd')]);
  await kubectl(['wait', '--for=condition=Established', 'crd/modelpools.sluice.dev', '--timeout=60s']);
}
