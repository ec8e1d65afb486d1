/** The end-to-end test of every installation, for a gateway and a scaler in a namespace, and the logs of a pool beside it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { testInstallation } from '../../support/installation.ts';
import { root } from './image.ts';
import type { Namespace } from './kubectl.ts';
import { forwarded } from './port-forward.ts';

/** Asks the first gateway and the scaler of the namespace, whose pool is that of docs/examples/langid.yaml. */
export async function testNamespace(t: TestContext, namespace: Namespace): Promise<void> {
  const originsOf = async (component: string, ports: readonly number[]): Promise<string[]> => {
    const [pod] = await namespace.pods(`app.kubernetes.io/component=${component}`);
    return forwarded(t, { namespace: namespace.name, pod: pod!.metadata.name, ports });
  };
  const [gateway, admin] = (await originsOf('gateway', [8080, 8081])) as [string, string];
  const [page] = (await originsOf('scaler', [8082])) as [string];
  await testInstallation(t, { gateway, admin, page, models: ['langid'] });
  await t.test('sluice logs shows the lines of the pool and of its pod, by the kubeconfig', async () => {
    const sluice = path.join(root, 'cli/sluice.js');
    const [pod] = await namespace.pods('app.kubernetes.io/component=model-server');
    const { name } = pod!.metadata;
    for (const asked of ['pool/langid', name]) {
      const where = ['--cluster', 'kubernetes', '--namespace', namespace.name];
      const { stdout } = await promisify(execFile)(process.execPath, [sluice, 'logs', asked, ...where]);
      assert.match(stdout, new RegExp(`^${name} \\| info ready, models \\["langid"\\]$`, 'm'), asked);
    }
  });
}
