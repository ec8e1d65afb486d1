/** Small bodies that unpack to the largest that is allowed: the clients get their errors, and no pod is taken for hung. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { startSystem } from '../support/system.ts';

test('12 bodies of 64 kB that inflate to 63 MiB, at once: 400 each, and both pods go on serving', async (t) => {
  const system = await startSystem(['--models', 'simple', '--pods', '2']);
  const client = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  t.after(async () => {
    await client.destroy();
    assert.equal(await system.stop(), 0);
  });
  const pods = system.podPids();
  const body = gzipSync(Buffer.alloc(63 * 2 ** 20, ' '));
  const answers = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const answer = await request(`${system.origin}/v2/models/simple/infer`, {
        method: 'POST',
        dispatcher: client,
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
        body,
      });
      return { status: answer.statusCode, body: await answer.body.text() };
    }),
  );
  for (const answer of answers) assert.equal(answer.status, 400, answer.body);
  const metrics = await system.metrics();
  assert.equal(metrics.value('sluice_pods', { state: 'serving' }), 2);
  assert.deepEqual(system.podPids(), pods);
});
