import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModelPool } from '../contract/model-pool.ts';
import type { ClusterView } from './port.ts';
import { staticCluster } from './static.ts';

function pool(name: string, ...endpoints: string[]) {
  const spec = { models: [name], endpoints };
  return parseModelPool({ apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name }, spec }).pool!;
}

test('the view has a Ready pod per pool and address, also for a server that two pools share', async () => {
  const cluster = staticCluster([pool('a', 'http://h:1/', 'https://h'), pool('b', 'http://h:1')], 5);
  const views: ClusterView[] = [];
  cluster.watch((view) => views.push(view));
  assert.equal(views.length, 1);
  assert.deepEqual(
    views[0]!.pods.map(({ name, pool, origin, phase, readyAtMs }) => [name, pool, origin, phase, readyAtMs]),
    [
      ['a-h-1', 'a', 'http://h:1', 'Ready', 5],
      ['a-h', 'a', 'https://h', 'Ready', 5],
      ['b-h-1', 'b', 'http://h:1', 'Ready', 5],
    ],
  );
  assert.equal(new Set(views[0]!.pods.map(({ uid }) => uid)).size, 3);
  await cluster.close();
});
