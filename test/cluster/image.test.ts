/** The image as the nodes have it: no load generator in it, a command that says so, the locale of text pipelines, and the whole system where none is named. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { image, root } from './support/image.ts';
import { kubectl, Namespace, requireCluster, until, type PodObject } from './support/kubectl.ts';
import { forwarded } from './support/port-forward.ts';
import { leftOut, leftOutPackages } from '../../deploy/image-content.ts';
import { lowerCase } from '../../models/author/fixtures.ts';
import { testInstallation } from '../support/installation.ts';
import { lowerCaseScript } from '../support/lower-case-script.ts';

const gone = [...Object.keys(leftOut), ...leftOutPackages.map((name) => `node_modules/${name}`)];
const script = `
const { existsSync, readlinkSync, statSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const bench = spawnSync(process.execPath, ['/app/cli/sluice.js', 'bench', 'http://127.0.0.1:1', '--model', 'm', '--rate', '1']);
const there = ${JSON.stringify(gone)}.filter((name) => existsSync('/app/' + name));
const words = spawnSync(process.execPath, ['--input-type=module', '--eval', ${JSON.stringify(lowerCaseScript(lowerCase()))}]);
const lower = String(words.stdout).trim() || String(words.stderr);
const { uid } = statSync('/var/cache/sluice');
const model = readlinkSync('/models/langid');
console.log(JSON.stringify({ there, uid, model, app: existsSync('/app/gateway'), code: bench.status, said: String(bench.stderr), lower }));`;

test('the image holds no load generator, and the locale of text pipelines', async (t) => {
  requireCluster();
  const namespace = new Namespace(`sluice-test-image-${Math.random().toString(36).slice(2, 6)}`);
  await kubectl(['create', 'namespace', namespace.name]);
  t.after(() => namespace.delete());
  const container = { name: 'look', image, command: ['node', '-e', script] };
  const spec = { restartPolicy: 'Never', containers: [container] };
  await namespace.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'look' }, spec });
  await until('the look to end', 120_000, async () => {
    const { status } = await namespace.json<PodObject>(['get', 'pod', 'look']);
    return ['Succeeded', 'Failed'].includes(status.phase) ? true : null;
  });
  const { there, uid, model, app, code, said, lower } = JSON.parse(await namespace.kubectl(['logs', 'look'])) as {
    there: string[];
    uid: number;
    model: string;
    app: boolean;
    code: number;
    said: string;
    lower: string;
  };
  assert.deepEqual({ there, app, code }, { there: [], app: true, code: 2 });
  assert.deepEqual({ uid, model }, { uid: 1000, model: '/app/models/zoo/langid' });
  assert.match(said, /no load generator/);
  assert.equal(lower, '["grösse","école","ωμέγα"]');
});

/** Pods for `docker run -v ./models:/models IMAGE`, and for the same without models of one's own. */
test('without a command the image runs the whole system on /models, or on the bundled models', async (t) => {
  requireCluster();
  const namespace = new Namespace(`sluice-test-up-${Math.random().toString(36).slice(2, 6)}`);
  await kubectl(['create', 'namespace', namespace.name]);
  t.after(() => namespace.delete());
  const model = readFileSync(path.join(root, 'models/zoo/simple/1/model.onnx'), 'base64');
  const metadata = { name: 'models' };
  await namespace.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, binaryData: { model } });
  const items = [{ key: 'model', path: 'mine/1/model.onnx' }];
  const mounted = {
    volumeMounts: [{ name: 'models', mountPath: '/models', readOnly: true }],
    volumes: [{ name: 'models', configMap: { name: 'models', items } }],
  };
  const start = ({ name, volumeMounts, volumes }: { name: string; volumeMounts: object[]; volumes: object[] }) => {
    const securityContext = { runAsNonRoot: true, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };
    const containers = [{ name: 'sluice', image, volumeMounts, securityContext }];
    return namespace.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers, volumes } });
  };
  await start({ name: 'own', ...mounted });
  await start({ name: 'bundled', volumeMounts: [], volumes: [] });
  try {
    await namespace.kubectl([
      'wait',
      '--for=jsonpath={.status.phase}=Running',
      'pod/own',
      'pod/bundled',
      '--timeout=120s',
    ]);
    const own = await until('the model of one’s own', 180_000, async () => {
      const { models } = JSON.parse(await namespace.get('own', 8080, '/v1/models')) as { models: string[] };
      return models.length > 0 ? models : null;
    });
    assert.deepEqual(own, ['mine']);
    assert.match(await namespace.get('own', 8080, '/'), /\n {2}mine\n/);
    // A port that nobody listens at yet would end kubectl's forwarding.
    for (const [port, place] of [
      [8080, '/v2/health/ready'],
      [8082, '/readyz'],
    ] as const)
      await until(`${place} of the bundled models`, 180_000, () => namespace.get('bundled', port, place));
    const ports = [8080, 8081, 8082];
    const origins = await forwarded(t, { namespace: namespace.name, pod: 'bundled', ports });
    const [gateway, admin, page] = origins as [string, string, string];
    await testInstallation(t, { gateway, admin, page, models: ['langid', 'simple', 'mlp'] });
  } catch (error) {
    for (const pod of ['own', 'bundled']) t.diagnostic(await namespace.kubectl(['logs', pod]));
    throw error;
  }
});
