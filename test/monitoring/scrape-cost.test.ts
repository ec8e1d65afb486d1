/** Cost of a scrape of a large system, 50 pools of 200 pods, in CPU time, because a busy machine must not change the result. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { largeGateway } from '../support/gateway-registry.ts';
import { scalerOf } from '../support/scaler-registry.ts';

const pools = 50;
const podsPerPool = 200;
const limitMs = 100;
const limitBytes = 5_000_000;
const scrapes = 9;

/** @returns the text of the last scrape */
async function measure(t: TestContext, what: string, scrape: () => Promise<string>): Promise<string> {
  const tookMs: number[] = [];
  let text = '';
  // The first ones pay for the compiler.
  for (let round = -3; round < scrapes; round += 1) {
    const before = process.cpuUsage();
    text = await scrape();
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) tookMs.push((user + system) / 1000);
  }
  const median = tookMs.toSorted((a, b) => a - b)[scrapes >> 1]!;
  const bytes = Buffer.byteLength(text);
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  const all = tookMs.map((ms) => ms.toFixed(0)).join(' ');
  t.diagnostic(`${what}: ${samples} samples, ${bytes} bytes, ${median.toFixed(1)} ms of CPU (${all})`);
  assert.ok(bytes < limitBytes, `${bytes} bytes`);
  assert.ok(median < limitMs, `${median.toFixed(1)} ms of CPU; each: ${all}`);
  return text;
}

test('a gateway whose pods are well, and then all ejected', async (t) => {
  await using gateway = await largeGateway(pools, podsPerPool);
  const out = (text: string) => text.match(/^sluice_pod_out_of_rotation\{/gm)?.length ?? 0;
  assert.equal(out(await measure(t, 'all pods well', gateway.scrape)), 0);
  gateway.eject(podsPerPool);
  assert.equal(out(await measure(t, 'all pods ejected', gateway.scrape)), pools * podsPerPool);
});

test('a scrape of 500 pools lets others have their turn', async (t) => {
  await using gateway = await largeGateway(500, 1);
  await gateway.scrape();
  let turns = 0;
  const turn = (): void => {
    turns += 1;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  const text = await gateway.scrape();
  clearImmediate(next);
  t.diagnostic(`${turns} turns of the event loop in ${text.length} bytes`);
  assert.ok(turns >= 5, `${turns}`);
});

test('a scaler', async (t) => {
  const { registry } = scalerOf(Array.from({ length: pools }, (_, index) => `pool-${index}`));
  await measure(t, 'scaler', () => registry.metrics());
});
