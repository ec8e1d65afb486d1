/**
 * The Helm chart, rendered by the real `helm`, beside what kustomize builds, and installed. Without a `helm` it says so; .ci/run brings one.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { image, root } from './support/image.ts';
import { testNamespace } from './support/installed.ts';
import { kubectl, Namespace, requireCluster, until } from './support/kubectl.ts';

const run = promisify(execFile);
const folder = mkdtempSync(path.join(tmpdir(), 'sluice-chart-'));
const chart = path.join(folder, 'sluice');
/** Where `go install helm.sh/helm/v3/cmd/helm@v3.22.0` puts it. */
const built = path.join(homedir(), 'go/bin/helm');
const helm = existsSync(built) ? built : 'helm';
const skip =
  spawnSync(helm, ['version']).status !== 0 &&
  'NOT TESTED: there is no helm; go install helm.sh/helm/v3/cmd/helm@v3.22.0 makes one';

interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: object };
}

function byName(yaml: string): Map<string, KubernetesObject> {
  const objects = parseAllDocuments(yaml)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
  return new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
}

/** Objects of an overlay, but for the namespace, which Helm makes by a flag of its own. */
async function kustomized(overlay: string): Promise<Map<string, KubernetesObject>> {
  const { stdout } = await run('kubectl', ['kustomize', overlay], { maxBuffer: 64 * 1024 * 1024 });
  const objects = byName(stdout);
  objects.delete('Namespace sluice');
  return objects;
}

async function rendered(settings: Readonly<Record<string, string>>): Promise<Map<string, KubernetesObject>> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const args = ['template', 'sluice', chart, '--namespace', 'sluice', '--kube-version', '1.34.0', ...flags];
  const { stdout } = await run(helm, args, { maxBuffer: 64 * 1024 * 1024 });
  return byName(stdout);
}

/** Settings that leave out what deploy/overlays has not: the Secret is made by hand there, and deploy/crd has the roles. */
const asOverlay = { 'secret.enabled': 'false', 'clusterRoles.enabled': 'false' };
const components = ['highAvailability', 'priorityClasses', 'networkPolicies'];
const on = (names: readonly string[]) => Object.fromEntries(names.map((name) => [`${name}.enabled`, 'true']));

describe('the chart', { skip, timeout: 400_000 }, () => {
  before(async () => {
    await run(process.execPath, [path.join(root, 'deploy/chart/main.ts'), chart]);
  });
  after(() => rmSync(folder, { recursive: true }));

  test('has what the overlay dev has', async () => {
    assert.deepEqual(await rendered(asOverlay), await kustomized(path.join(root, 'deploy/overlays/dev')));
  });

  test('has what the overlay prod has, with its components', async () => {
    const replicas = { 'gateway.replicas': '2', 'scaler.replicas': '2' };
    const found = await rendered({ ...asOverlay, ...replicas, ...on(components) });
    assert.deepEqual(found, await kustomized(path.join(root, 'deploy/overlays/prod')));
  });

  test('has what the component monitoring has: alerts with their own templates, dashboards to the letter', async () => {
    const overlay = path.join(folder, 'overlay');
    mkdirSync(overlay);
    const at = (place: string): string => path.relative(overlay, path.join(root, 'deploy', place));
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace: 'sluice',
      resources: [at('overlays/dev')],
      components: [at('components/monitoring')],
    };
    writeFileSync(path.join(overlay, 'kustomization.yaml'), stringify(kustomization));
    const found = await rendered({ ...asOverlay, 'monitoring.enabled': 'true' });
    assert.deepEqual(found, await kustomized(overlay));
  });

  test('is accepted by helm lint', async () => {
    const { stdout } = await run(helm, ['lint', '--strict', chart]);
    assert.match(stdout, /0 chart\(s\) failed/);
  });

  test('installed, it passes the end-to-end test of every installation', async (t) => {
    requireCluster();
    const namespace = new Namespace(`sluice-test-chart-${Math.random().toString(36).slice(2, 6)}`);
    const [repository, tag] = image.split(/:(?=[^:/]+$)/) as [string, string];
    const settings = { 'image.repository': repository, 'image.tag': tag, 'clusterRoles.enabled': 'false' };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const place = ['--namespace', namespace.name];
    t.after(() => namespace.delete());
    const install = [
      'upgrade',
      '--install',
      'sluice',
      chart,
      ...place,
      '--create-namespace',
      '--wait',
      '--timeout',
      '180s',
    ];
    await run(helm, [...install, ...flags]);
    const secret = await namespace.kubectl(['get', 'secret', 'sluice', '--output', 'jsonpath={.data.secret}']);
    try {
      const example = readFileSync(path.join(root, 'docs/examples/langid.yaml'), 'utf8');
      await namespace.apply(example.replaceAll('localhost/sluice:0.1.0', image));
      await namespace.rollout('langid');
      await testNamespace(t, namespace);
      await until('the scaler to have seen the pool', 60_000, async () =>
        /AbleToScale/.test(await namespace.kubectl(['describe', 'modelpool', 'langid'])) ? true : null,
      );
    } catch (error) {
      t.diagnostic(await namespace.explain());
      throw error;
    }
    // An upgrade keeps the secret that pods have mounted.
    await run(helm, [...install, ...flags]);
    assert.equal(await namespace.kubectl(['get', 'secret', 'sluice', '--output', 'jsonpath={.data.secret}']), secret);
    await run(helm, ['uninstall', 'sluice', ...place, '--wait']);
    await kubectl(['get', 'crd', 'modelpools.sluice.dev']);
  });
});
