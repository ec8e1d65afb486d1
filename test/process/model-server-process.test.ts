/** The process: its start, its end, and the exit codes that whatever runs pods sees. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { PodStatus } from '../../contract/pod-status.ts';
import * as fixtures from '../../models/author/fixtures.ts';
import { floats, get, post } from '../../models/testing/model-server.ts';
import { ready, start } from '../support/pod-process.ts';

const whole = (runMs: number) => ({
  whole: { versions: { 1: fixtures.unbatchable() }, config: `delay: { runMs: ${runMs} }\nwarmup: false\n` },
});
const three = floats('x', [3], [1, 2, 3]);

test('while models load the process is live and not ready, and says so of each model', async () => {
  // The delay outlasts the next three requests even on a slow machine.
  await using loading = await start(whole(0), { SLUICE_START_DELAY_MS: '60000' });
  assert.equal((await get(`${loading.origin}/v2/health/live`)).status, 200);
  assert.equal((await get(`${loading.origin}/v2/health/ready`)).status, 503);
  assert.equal(((await get(`${loading.origin}/v2/pod`)).json as { state: string }).state, 'loading');
  await using started = await start(whole(0), { SLUICE_START_DELAY_MS: '200' });
  await ready(started);
  assert.equal((await post(`${started.origin}/v2/models/whole/infer`, three)).status, 200);
});

test('a model answers only when all are loaded: the warm-up of the others has the worker', async () => {
  await using started = await start({
    first: { versions: { 1: fixtures.unbatchable() } },
    second: { versions: { 1: fixtures.unbatchable() }, config: 'delay: { runMs: 150 }\n' },
  });
  const url = `${started.origin}/v2/models/first/infer`;
  const statuses = new Set<number>();
  for (let status = 0; status !== 200; statuses.add(status)) ({ status } = await post(url, three));
  // Unknown before the folder is read.
  statuses.delete(404);
  assert.deepEqual([...statuses], [503, 200]);
  await ready(started);
});

test('a pod that loads says of each model whether it waits, is loading or is loaded', async () => {
  await using started = await start({
    first: { versions: { 1: fixtures.unbatchable() } },
    second: { versions: { 1: fixtures.unbatchable() }, config: 'delay: { runMs: 700 }\n' },
    third: { versions: { 1: fixtures.unbatchable() } },
  });
  const stages = [];
  for (;;) {
    const { models } = (await get(`${started.origin}/v2/pod`)).json as {
      models: { ready: boolean; reason?: string }[];
    };
    stages.push(models.map(({ reason }) => reason ?? 'ready').join('; '));
    if (models.length > 0 && models.every((model) => model.ready)) break;
  }
  assert.ok(
    stages.includes('loaded, and ready once the start has ended; loading; waiting to be loaded'),
    [...new Set(stages)].join('\n'),
  );
  assert.match(started.log(), /"msg":"1 of 3 models loaded; loading second"/, 'and the log counts');
});

test('SIGTERM in the middle of a run: not ready, still accepting, answered, exit 0', async () => {
  await using started = await start(whole(300), { SLUICE_DRAIN_DELAY_MS: '4000' });
  await ready(started);
  const url = `${started.origin}/v2/models/whole/infer`;
  const running = post(url, three);
  while (((await get(`${started.origin}/v2/pod`)).json as { inFlight: number }).inFlight === 0);
  started.child.kill('SIGTERM');
  while ((await get(`${started.origin}/v2/health/ready`)).status === 200);
  const late = post(url, three);
  assert.equal((await running).status, 200);
  assert.equal((await late).status, 200);
  assert.deepEqual(await started.ended, { code: 0, signal: null });
  assert.match(started.log(), /"msg":"drained"/);
});

test('after the drain delay requests are refused, and the state is told until the last answer', async () => {
  await using started = await start(whole(8_000), { SLUICE_DRAIN_DELAY_MS: '0' });
  await ready(started);
  const url = `${started.origin}/v2/models/whole/infer`;
  const running = post(url, three);
  const status = async () => (await get(`${started.origin}/v2/pod`)).json as PodStatus;
  while ((await status()).inFlight === 0);
  started.child.kill('SIGTERM');
  while ((await status()).state !== 'draining');
  // The delay of 0 is a turn of the pod's timers.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const refused = await post(url, three);
  assert.deepEqual([refused.status, refused.headers.get('sluice-not-ready')], [503, 'true'], refused.text);
  assert.equal(refused.headers.get('connection'), 'close');
  const envelope = await post(`${started.origin}/v2/envelope`, '', {
    'content-type': 'application/vnd.sluice.envelope',
  });
  assert.equal(envelope.status, 503);
  assert.equal((await running).status, 200);
  assert.deepEqual(await started.ended, { code: 0, signal: null });
});

test('a parent that leaves drains the process too', async () => {
  await using started = await start(whole(0));
  await ready(started);
  started.child.disconnect();
  assert.deepEqual(await started.ended, { code: 0, signal: null });
});

test('what is still in flight after the grace period does not keep the process', { timeout: 120_000 }, async () => {
  await using started = await start(whole(600_000), { SLUICE_GRACE_MS: '200' });
  await ready(started);
  const running = post(`${started.origin}/v2/models/whole/infer`, three).catch(() => null);
  while (((await get(`${started.origin}/v2/pod`)).json as { inFlight: number }).inFlight === 0);
  started.child.kill('SIGTERM');
  assert.deepEqual(await started.ended, { code: null, signal: 'SIGKILL' });
  assert.match(started.log(), /the grace period is over/);
  assert.equal(await running, null);
});

test('a stuck run ends the process, and the log names it', async () => {
  await using started = await start(whole(60_000), { SLUICE_RUN_LIMIT_MS: '150' });
  await ready(started);
  const running = post(`${started.origin}/v2/models/whole/infer`, three).catch(() => null);
  assert.deepEqual(await started.ended, { code: null, signal: 'SIGKILL' });
  const line = started
    .log()
    .split('\n')
    .find((each) => each.includes('passed its limit'));
  const { model, version, rows, elapsedMs } = JSON.parse(line!) as Record<string, unknown>;
  assert.deepEqual([model, version, rows], ['whole', '1', 1]);
  assert.ok(Number(elapsedMs) > 150);
  assert.equal(await running, null);
});

test('a repository of which nothing can be served ends the process with the reasons', async () => {
  await using started = await start({ garbage: { versions: { 1: Buffer.from('no model') } } });
  assert.equal((await started.ended).code, 1);
  assert.match(started.log(), /no model can be served: garbage 1: .*[Pp]rotobuf/);
});
