/** The image as the nodes have it: no load generator in it, and a command that says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { image } from './support/image.ts';
import { kubectl, Namespace, requireCluster, until, type PodObject } from './support/kubectl.ts';
import { leftOut, leftOutPackages } from '../../deploy/image-content.ts';

const gone = [...Object.keys(leftOut), ...leftOutPackages.map((name) => `node_modules/${name}`)];
const script = `
const { existsSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const bench = spawnSync(process.execPath, ['/app/cli/sluice.js', 'bench', 'http://127.0.0.1:1', '--model', 'm', '--rate', '1']);
const there = ${JSON.stringify(gone)}.filter((name) => existsSync('/app/' + name));
console.log(JSON.stringify({ there, app: existsSync('/app/gateway'), code: bench.status, said: String(bench.stderr) }));`;

test('the image holds no load generator', async (t) => {
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
  const { there, app, code, said } = JSON.parse(await namespace.kubectl(['logs', 'look'])) as {
    there: string[];
    app: boolean;
    code: number;
    said: string;
  };
  assert.deepEqual({ there, app, code }, { there: [], app: true, code: 2 });
  assert.match(said, /no load generator/);
});
