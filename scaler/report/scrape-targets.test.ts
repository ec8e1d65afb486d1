import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from '../testing/world.ts';
import { scrapeTargets } from './scrape-targets.ts';

const self = { targets: ['127.0.0.1:8082'], labels: { job: 'sluice', pod: 'scaler' } };

test('a scaler that knows nothing yet names itself', () => {
  assert.deepEqual(scrapeTargets(null, '127.0.0.1:8082'), [self]);
});

test('gateways and pods are targets by the labels of the rules; those without an address, that leave or are strangers are not', async () => {
  const world = new World({ replicas: 5 });
  await world.run(2, 1);
  const pods = [...world.cluster.pods.values()];
  for (const [index, pod] of pods.entries())
    Object.assign(pod, { isPeer: true, origin: `http://10.0.0.${index}:8000` });
  Object.assign(pods[1]!, { origin: null });
  Object.assign(pods[2]!, { phase: 'Terminating' });
  Object.assign(pods[3]!, { isPeer: undefined });
  Object.assign(pods[4]!, { origin: 'http://[fd00::1]:8000' });
  assert.deepEqual(scrapeTargets(world.cluster.view, '127.0.0.1:8082'), [
    self,
    { targets: ['g-1'], labels: { job: 'sluice', pod: 'g-1' } },
    { targets: ['10.0.0.0:8000'], labels: { job: 'sluice-pods', pool: 'm', pod: 'p-1' } },
    { targets: ['[fd00::1]:8000'], labels: { job: 'sluice-pods', pool: 'm', pod: 'p-5' } },
  ]);
});
