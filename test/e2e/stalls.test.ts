/** A gateway that hardly gets to run, as on a machine with too much to do: it takes no pod for hung that it did not listen to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway, until, type Harness } from '../support/gateway-harness.ts';

const ejections = (reason: string): string => `sluice_pod_ejections_total{pool="pool",reason="${reason}"}`;

/** Keeps the event loop, and the gateway in it, busy for `busyMs` of each `everyMs`, until it is told to stop. */
function stall(busyMs: number, everyMs: number): () => void {
  const block = (): void => {
    const endMs = performance.now() + busyMs;
    while (performance.now() < endMs);
  };
  const timer = setInterval(block, everyMs);
  // The first pause starts early, while the requests that follow are in flight.
  const first = setTimeout(block, 50);
  return () => {
    clearInterval(timer);
    clearTimeout(first);
  };
}

async function warmedUp(harness: Harness): Promise<void> {
  await until('it serves', async () => (await harness.predict('1')).status === 200);
}

test('answers that come late to a gateway that does not run are no evidence', { timeout: 120_000 }, async (t) => {
  const harness = await startGateway(t, 2);
  await warmedUp(harness);
  for (const pod of harness.pods) pod.behaviour = { kind: 'slow', ms: 1_500 };
  // One pause longer than the limit of 1 s; then many short ones, none of which alone counts as a pause.
  for (const [busyMs, everyMs] of [
    [1_300, 1_400],
    [80, 100],
  ] as const) {
    const stop = stall(busyMs, everyMs);
    const answers = await Promise.all([harness.predict('a'), harness.predict('b')]);
    stop();
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body]),
      [
        [200, 'a'],
        [200, 'b'],
      ],
    );
    assert.equal(await harness.metric(ejections('hung')), 0, `${busyMs} of ${everyMs} ms`);
  }
});

test('a pod that hangs is found all the same', { timeout: 120_000 }, async (t) => {
  const harness = await startGateway(t, 2);
  await warmedUp(harness);
  harness.pods[0]!.behaviour = { kind: 'hang' };
  const stop = stall(50, 100);
  const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => harness.predict(String(n))));
  stop();
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body]),
    answers.map((_, n) => [200, String(n)]),
  );
  assert.equal(await harness.metric(ejections('hung')), 1);
});
