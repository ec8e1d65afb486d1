/** The page of the real system: gateway, scaler and pods are processes, `langid` is the real model, the browser is one. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { DecisionRecord } from '../../contract/scaler-api.ts';
import { until } from '../support/gateway-harness.ts';
import { launchBrowser, openPage, skip } from './browser.ts';
import { becomes } from './fake-page.ts';
import { startLive, type LiveSystem } from './live-system.ts';

const limitMs = 300_000;
/** A pod does 20 requests/s. */
const slow = { name: 'slow', runMs: 100, rowMs: 37 };

let browser: Browser;
let live: LiveSystem;
before(
  async () => {
    if (skip !== false) return;
    [browser, live] = await Promise.all([
      launchBrowser(),
      startLive([
        { name: 'language', models: [{ name: 'langid' }], spec: { scaling: { minReplicas: 1, maxReplicas: 1 } } },
        { name: 'numbers', models: [slow], spec: { scaling: { minReplicas: 1, maxReplicas: 4 } } },
      ]),
    ]);
  },
  { timeout: limitMs },
);
after(async () => {
  if (skip !== false) return;
  await browser.close();
  await live[Symbol.asyncDispose]();
});

test('the form: a text, the pod and the batch that answered it, the label', { skip, timeout: limitMs }, async (t) => {
  const { page, complaints, requests } = await openPage(browser, live.system.scalerOrigin);
  t.after(() => page.context().close());
  await page.locator('#link', { hasText: 'live, this scaler leads' }).waitFor();
  await page.getByLabel('Model', { exact: true }).selectOption('langid');
  await page.getByLabel('Text', { exact: true }).fill('Guten Morgen, wie geht es dir?');
  await page.getByRole('button', { name: 'Predict' }).click();
  await page.locator('#answer-body', { hasText: '["deu"]' }).waitFor();

  const { pools } = await live.report();
  const [pod] = pools.find(({ name }) => name === 'language')!.pods;
  assert.match(
    await page.locator('#answered-by').innerText(),
    new RegExp(`pod\\s+${pod!.name}\\s+batch\\s+1 row\\s+status\\s+200\\s+took\\s`),
  );
  await page.getByRole('button', { name: 'language' }).click();
  await page.getByRole('button', { name: 'Predict' }).click();
  await page.locator('.pod.answered', { hasText: pod!.name.split('-').at(-1)! }).waitFor();

  await page.getByLabel('Model', { exact: true }).selectOption('slow');
  await page.locator('#input', { hasText: '' }).and(page.locator('.code')).waitFor();
  await page.getByRole('button', { name: 'Predict' }).click();
  await page.locator('#answer-body', { hasText: 'OUTPUT0: [0,0,' }).waitFor();
  await page.getByLabel('Body JSON').fill('{"inputs": []}');
  await page.getByRole('button', { name: 'Predict' }).click();
  await page.getByText('failed with status 400').waitFor();
  await page.getByLabel('Model', { exact: true }).selectOption('langid');
  await becomes(page, `document.getElementById('input').value === 'Guten Morgen, wie geht es dir?'`);

  // The browser says of the last answer that it is an error.
  assert.deepEqual(
    complaints.filter((complaint) => !complaint.includes('400')),
    [],
  );
  assert.deepEqual(
    requests.filter((url) => !url.startsWith(live.system.scalerOrigin)),
    [],
  );
});

test(
  'load: a scale-up with its arithmetic, then a pod that hangs is ejected',
  { skip, timeout: 2 * limitMs },
  async (t) => {
    const { page, complaints, requests } = await openPage(browser, live.system.scalerOrigin);
    t.after(() => page.context().close());
    await page.getByRole('button', { name: 'numbers' }).click();
    const card = page.locator('.pool');
    await card.locator('.pod.serving').waitFor();
    const first = (await live.report()).pools.find(({ name }) => name === 'numbers')!.pods[0]!;

    live.offer('slow', 45);
    const decision = page.locator('.entry.up', { hasText: /numbers\s*1 → [2-4]/ });
    await decision.waitFor();
    const move = /^1 → ([2-4])$/.exec(await decision.locator('.move').innerText());
    assert.ok(move, await decision.innerText());
    await card.locator('.pod.starting').first().waitFor();
    await card.locator('.pod.serving').nth(1).waitFor();
    const url = `${live.system.scalerOrigin}/api/pools/numbers/decisions`;
    const records = (await (await fetch(url)).json()) as DecisionRecord[];
    const record = records.find(({ kind, from, to }) => kind === 'scale' && from === 1 && to === Number(move[1]));
    assert.ok(record, JSON.stringify(records));
    await decision.locator('summary').click();
    assert.deepEqual(await decision.locator('.arithmetic li').allInnerTexts(), record.arithmetic);
    assert.ok(record.arithmetic.some((line) => line.startsWith('need: (')));
    assert.equal(await decision.locator('.outcome').innerText(), 'written');

    const pid = live.pidOf(first.name);
    process.kill(pid, 'SIGSTOP');
    t.after(() => revive(pid));
    // Each is looked for at once: before long the scaler drains the pod, to replace it.
    await Promise.all([
      card.locator('.pod.ejected', { hasText: first.name.split('-').at(-1)! }).waitFor(),
      card.locator('.pod-reasons', { hasText: `${first.name} ejected: ` }).waitFor(),
      page.locator('.row[data-level="bad"], .row[data-level="warn"]', { hasText: 'numbers' }).waitFor(),
      page.locator('.entry.event.bad', { hasText: `${first.name} ejected: ` }).waitFor(),
    ]);
    revive(pid);
    await card.locator('.pod-reasons li').waitFor({ state: 'detached' });
    live.offer('slow', 0);

    assert.deepEqual([...live.statuses.keys()], [200], 'no request was lost');
    assert.deepEqual(complaints, []);
    assert.deepEqual(
      requests.filter((asked) => !asked.startsWith(live.system.scalerOrigin)),
      [],
    );
  },
);

test('a scaler that is killed: the page says so, and goes on with the next', { skip, timeout: limitMs }, async (t) => {
  const { page } = await openPage(browser, live.system.scalerOrigin);
  t.after(() => page.context().close());
  await page.locator('#link', { hasText: 'live, this scaler leads' }).waitFor();
  await page.getByRole('button', { name: 'numbers' }).click();
  const line = page.locator('.pool path.main').first();
  const points = async () => ((await line.getAttribute('d')) ?? '').match(/[ML]/g)?.length ?? 0;
  // The history is asked for once there is a connection.
  await until('points of the time before', async () => (await points()) > 10);
  const known = await points();
  const knownAtMs = performance.now();
  assert.ok(known > 10, `${known} points of the time before`);
  const [scaler] = live.system.pidsOf('scaler');
  process.kill(scaler!, 'SIGKILL');
  await page.locator('#link', { hasText: 'disconnected, reconnecting' }).waitFor();
  assert.equal(await page.locator('#pool-list .row').count(), 2, 'what was known stays');
  await page.locator('#link', { hasText: 'live, this scaler leads' }).waitFor();
  assert.notEqual(live.system.pidsOf('scaler')[0], scaler);
  await page.locator('.pool .pod.serving').first().waitFor();
  // The line shows five minutes, which move on; it is drawn after the pods.
  await until('what was known stays, before what the next one tells', async () => {
    const goneShare = (performance.now() - knownAtMs) / 300_000;
    return (await points()) >= Math.floor(known * (1 - goneShare)) - 1;
  });
});

/** Continues a stopped process, unless it was ended as unresponsive. */
function revive(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    return;
  }
}
