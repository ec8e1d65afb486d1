/** The live page in a real browser, fed with values that a test writes: what it shows, what it says, what it can't be made to do. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import {
  decisionRecord,
  FakeScaler,
  modelReport,
  podReport,
  poolReport,
} from '../../scaler/page/testing/fake-scaler.ts';
import { skip } from './browser.ts';
import { becomes, fakePages, shows, text } from './fake-page.ts';

const open = fakePages();

/** Waits until the first line has so many points: it is drawn after it is there. */
const isDrawn = (page: Page, least: number): Promise<void> =>
  becomes(page, `document.querySelector('.pool path.main')?.getAttribute('d')?.split('L').length > ${least}`);

test(
  'pools, lines, pods and decisions are there at once, from the history that the server has',
  { skip },
  async (t) => {
    const fake = new FakeScaler();
    const now = Date.now();
    const pool = (queued: number) =>
      poolReport('langid', {
        arrivalsPerS: 42,
        forecastPerS: 50,
        queued,
        oldestMs: 1_500,
        why: 'more waits than is good',
      });
    for (let ago = 100; ago > 0; ago -= 1) fake.tell({ atMs: now - ago * 1_000, pools: [pool(ago)] });
    fake.decide(decisionRecord('langid'));
    const { page, complaints, requests } = await open(t, fake, { query: '?open=langid' });

    await shows(page, 'live, this scaler leads');
    await shows(page, 'no change: more waits than is good');
    assert.match(await text(page, '.pool'), /42\/s[^]*forecast 50\/s[^]*objective 100 ms[^]*oldest 1\.5 s/);
    const line = page.getByRole('img', {
      name: /^Waiting: 1, oldest 1\.5 s, wait 1 ms; in the last 5 minutes between 1 and 100$/,
    });
    await line.waitFor();
    await isDrawn(page, 98);
    await page.getByRole('button', { name: 'a1b2 idle, serving, langid-a1b2' }).waitFor();
    assert.match(await text(page, '.entry'), /langid\s+1 → 2\s+backlog\s+written/);

    assert.deepEqual(complaints, []);
    const { origin } = new URL(page.url());
    assert.deepEqual(
      requests.filter((request) => !request.startsWith(`${origin}/`)),
      [],
    );
  },
);

test('what was known of a pool stays while a scaler that has just started knows none', { skip }, async (t) => {
  const fake = new FakeScaler();
  const now = Date.now();
  const pools = [poolReport('langid', { arrivalsPerS: 42 })];
  for (let ago = 100; ago > 0; ago -= 1) fake.tell({ atMs: now - ago * 1_000, pools });
  const { page } = await open(t, fake, { query: '?open=langid' });
  const line = page.locator('.pool path.main').first();
  const points = async () => ((await line.getAttribute('d')) ?? '').match(/L/g)?.length ?? 0;
  await isDrawn(page, 98);
  const known = await points();
  fake.tell({ pools: [] });
  await page.locator('.pool').waitFor({ state: 'detached' });
  await shows(page, 'No pools.');
  fake.tell({ pools });
  await isDrawn(page, known);
});

test('models that are not batched are listed with their reasons, the first eight of many', { skip }, async (t) => {
  const fake = new FakeScaler();
  const reason = "outputs change with companions (0.41 of the scale of '<b>tags</b>')";
  fake.tell({ pools: [poolReport('langid', { models: ['langid', 'tagger'], unbatched: { tagger: reason } })] });
  const { page, complaints } = await open(t, fake, { query: '?open=langid' });
  await shows(page, `tagger is not batched: ${reason}`);
  assert.equal(await page.locator('.unbatched li').count(), 1);
  const many = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`model-${index}`, 'maxRows is 1']));
  fake.tell({ pools: [poolReport('langid', { unbatched: many })] });
  await shows(page, 'model-7 is not batched: maxRows is 1');
  await shows(page, 'and 3 more');
  fake.tell({ pools: [poolReport('langid')] });
  await page.locator('.unbatched').waitFor({ state: 'hidden' });
  assert.equal(await page.locator('.unbatched li').count(), 0);
  assert.deepEqual(complaints, []);
});

test(
  'a scale-up, an ejected pod and a decision appear as they happen, and are said to those who listen',
  { skip },
  async (t) => {
    const fake = new FakeScaler();
    fake.tell({ pools: [poolReport('langid')] });
    const { page, complaints } = await open(t, fake, { query: '?open=langid' });
    await shows(page, 'live, this scaler leads');
    await shows(page, 'Nothing needs attention');
    const cells = page.locator('.cells .pod');
    await cells.first().waitFor();
    assert.equal(await cells.count(), 1);

    fake.decide(decisionRecord('langid', { from: 1, to: 3, why: 'more waits than is good' }));
    const starting = ['b', 'c'].map((name) => podReport(`langid-${name}`, { state: 'starting' }));
    fake.tell({ pools: [poolReport('langid', { pods: [podReport('langid-a'), ...starting] })] });
    await page.locator('.cells .pod.starting').nth(1).waitFor();
    await page
      .locator('#spoken', { hasText: 'langid: scaled from 1 to 3, more waits than is good, written' })
      .waitFor({ state: 'attached' });

    const ejected = podReport('langid-a', { state: 'ejected', reason: 'refused: nobody listens' });
    fake.tell({ pools: [poolReport('langid', { pods: [ejected, podReport('langid-b', { inFlight: 7 })] })] });
    await shows(page, 'langid-a ejected: refused: nobody listens');
    await shows(page, '1 pool needs attention');
    assert.match(await text(page, '#pool-list .row .state'), /1 pod ejected/);
    assert.match(await text(page, '.cells .pod.serving'), /b\s*7/);
    assert.equal(await page.title(), '(1) Sluice');
    await page.locator('#spoken', { hasText: 'langid-a ejected' }).waitFor({ state: 'attached' });
    const drained = podReport('langid-c', { state: 'foreign-drain', reason: 'drained by "x", not by this scaler' });
    fake.tell({ pools: [poolReport('langid', { pods: [drained, podReport('langid-b', { inFlight: 7 })] })] });
    await shows(page, 'langid-c drained by another: drained by "x", not by this scaler');
    await shows(page, '1 pod drained by another');

    const failure = { reason: 'ImagePullBackOff', message: 'no such image', sinceMs: Date.now() - 60_000 };
    const stuck = podReport('langid-d', { state: 'pending', failure, restarts: 3 });
    fake.tell({ pools: [poolReport('langid', { pods: [stuck] })] });
    await shows(page, /langid-d pending: ImagePullBackOff: no such image, since \d\d:\d\d:\d\d/);

    fake.tell({ pools: [] });
    await shows(page, 'No pools.');
    assert.equal(await page.locator('.pool').count(), 0);
    assert.deepEqual(complaints, []);
  },
);

const hostile = [
  '<img src=x onerror="window.hacked=1">',
  '"><script>window.hacked=1</script>',
  "'-window.hacked()-'",
  'javascript:window.hacked=1',
  '__proto__',
  'constructor',
  `long-${'x'.repeat(200)}`,
];

test('no name or reason can inject anything', { skip }, async (t) => {
  const fake = new FakeScaler();
  fake.tell({
    gateways: hostile.map((name) => ({ name, reporting: false, ageMs: null, terminating: false })),
    pools: hostile.map((name) =>
      poolReport(name, {
        models: [name, `${name}2`],
        modelReports: [modelReport(name, { version: name, hash: name, unbatchedReason: name, versionRemark: name })],
        why: name,
        limitedBy: name,
        p99Ms: 500,
        troubles: [],
        pods: [podReport(name, { state: 'ejected', reason: name })],
        conditions: [{ type: 'AbleToScale', status: 'False', reason: name, message: name, lastTransitionTime: name }],
      }),
    ),
  });
  for (const name of hostile) {
    fake.decide(decisionRecord(name, { reason: name, outcome: name, arithmetic: [name], inputs: { [name]: name } }));
  }
  const query = new URLSearchParams(hostile.map((name): [string, string] => ['open', name]));
  const look = { width: 360, height: 800 };
  const { page, complaints } = await open(t, fake, {
    look,
    query: `?${query.toString()}`,
  });
  fake.tell({
    pools: hostile.map((name) =>
      poolReport(name, {
        modelReports: [modelReport(name, { version: name, hash: name, unbatchedReason: name, versionRemark: name })],
        troubles: [{ condition: name, level: 'bad', reason: name, message: name, sinceMs: 1, runbook: name }],
        pods: [podReport(name, { uid: 'next', state: 'starting', lastExit: name })],
      }),
    ),
  });
  // Decisions and events of each.
  await page
    .locator('.entry.event')
    .nth(2 * hostile.length - 1)
    .waitFor({ state: 'attached' });
  await page.locator('.entry .told', { hasText: `restarted: ${hostile[0]!}` }).waitFor({ state: 'attached' });
  for (const name of hostile) {
    await page.locator('h3', { hasText: name }).first().waitFor({ state: 'attached' });
    // A pool is drawn only once it is in sight.
    await page.locator('.pool').nth(hostile.indexOf(name)).scrollIntoViewIfNeeded();
  }
  const isWide = () => page.evaluate('document.documentElement.scrollWidth > innerWidth');
  assert.equal(await isWide(), false, 'pools scroll sideways');
  await page.getByText('Models', { exact: true }).click();
  await page
    .locator('#model-list .row')
    .nth(hostile.length - 1)
    .waitFor();
  assert.equal(await page.evaluate('window.hacked'), undefined);
  assert.equal(await page.locator('img, iframe, script:not([src]), [onerror]').count(), 0);
  const { origin } = new URL(page.url());
  const hrefs = await page.evaluate<string[]>(`[...document.querySelectorAll('a')].map((link) => link.href)`);
  assert.deepEqual(
    hrefs.filter((href) => !href.startsWith(`${origin}/`)),
    [],
  );
  assert.ok(await page.locator('a.runbook').count(), 'runbooks are linked');
  assert.equal(await isWide(), false, 'models scroll sideways');
  assert.deepEqual(complaints, []);
});

test('the browser itself refuses what the policy forbids', { skip }, async (t) => {
  const { page } = await open(t, new FakeScaler());
  const outcome = await page.evaluate(`(async () => {
    const tried = async (attempt) => {
      try {
        await attempt();
        return 'allowed';
      } catch {
        return 'refused';
      }
    };
    return [
      await tried(() => fetch('http://127.0.0.1:1/')),
      await tried(() => (document.body.innerHTML = '<b>x</b>')),
      await tried(() => (document.createElement('script').text = 'window.hacked = 1')),
    ];
  })()`);
  assert.deepEqual(outcome, ['refused', 'refused', 'refused']);
});

test(
  'a lost connection is said, and comes back by itself, also after an answer that is an error',
  { skip },
  async (t) => {
    const fake = new FakeScaler();
    fake.tell({ pools: [poolReport('langid')] });
    const { page } = await open(t, fake);
    await shows(page, 'live, this scaler leads');
    fake.refuseStreams = true;
    fake.cut();
    await shows(page, 'disconnected, reconnecting; data is');
    await page.locator('#spoken', { hasText: 'disconnected' }).waitFor({ state: 'attached' });
    await shows(page, 'Not known: no report arrives');
    assert.equal(await page.title(), '(?) Sluice');
    assert.equal(await page.locator('#pool-list .row').count(), 1, 'what was known stays');

    fake.decide(decisionRecord('langid', { reason: 'meanwhile' }));
    fake.refuseStreams = false;
    fake.tell({ pools: [poolReport('langid', { queued: 5 })] });
    await shows(page, 'live, this scaler leads');
    await shows(page, 'meanwhile');
    await shows(page, 'Nothing needs attention');
  },
);

test('followers, no leader, a missing gateway and silence are told apart', { skip }, async (t) => {
  const fake = new FakeScaler();
  fake.tell({ leading: false, leader: 'scaler-b' });
  const { page } = await open(t, fake);
  await shows(page, 'live, standby: scaler-b leads');
  fake.tell({ leader: null });
  await shows(page, 'live, no scaler leads');
  await shows(page, 'No scaler leads: nothing is scaled, drained or replaced.');
  assert.equal(await page.locator('#alarm a').getAttribute('href'), 'runbooks/SluiceNoLeader');
  fake.tell({
    leading: true,
    gateways: [
      { name: 'gateway-a', reporting: true, ageMs: 10, terminating: false },
      { name: 'gateway-b', reporting: false, ageMs: null, terminating: false },
      { name: 'gateway-c', reporting: false, ageMs: null, terminating: true },
    ],
  });
  await shows(page, '2 of 3 gateways reporting, missing: gateway-b');
  await shows(page, 'No report from gateway-b.');
  fake.tell({ gateways: [] });
  await shows(page, 'There is no gateway: no request is taken.');
  fake.silent = true;
  await shows(page, 'connected, but no report for');
});

test('by keyboard: skip link, pods by arrows, the form', { skip }, async (t) => {
  const fake = new FakeScaler();
  fake.tell({ pools: [poolReport('a', { pods: ['a-1', 'a-2', 'a-3'].map((name) => podReport(name)) })] });
  const { page } = await open(t, fake);
  await page.locator('#pool-list .row').waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the pools');
  await page.keyboard.press('Enter');
  const focused = () => page.evaluate(`document.activeElement.getAttribute('aria-label')`);
  const named = () =>
    page.evaluate(`document.activeElement.id || document.activeElement.name || document.activeElement.className`);
  const stops: unknown[] = [];
  for (let stop = 0; stop < 4; stop += 1) {
    await page.keyboard.press('Tab');
    stops.push(await named());
  }
  assert.deepEqual(stops, ['find', 'view', 'window', 'open'], 'in the order in which they stand');
  await page.keyboard.press('Enter');
  await page.locator('.cells .pod').nth(2).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Time in the charts of a');
  await page.keyboard.press('Tab');
  assert.equal(await focused(), '1 idle, serving, a-1');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), '3 idle, serving, a-3');
  assert.equal(await text(page, '.pod-detail'), 'a-3: serving, 0 in flight');
  await page.keyboard.press('Home');
  assert.equal(await focused(), '1 idle, serving, a-1');
  fake.tell({ pools: [poolReport('a', { pods: [podReport('a-1', { inFlight: 2 }), podReport('a-2')] })] });
  await page.locator('.pod-detail', { hasText: 'a-1: serving, 2 in flight' }).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate('document.activeElement.id'), 'pool-filter', 'pods are one stop');
});

test('the form says why there is no answer', { skip }, async (t) => {
  const fake = new FakeScaler();
  fake.tell({ pools: [poolReport('simple')] });
  const { page } = await open(t, fake);
  await page.getByLabel('Model', { exact: true }).selectOption('simple');
  await page.getByLabel('Body JSON').fill('{}');
  await page.getByRole('button', { name: 'Predict' }).click();
  await shows(page, 'failed with status 503');
  assert.match(await text(page, '#answer-body'), /not told where a gateway takes requests/);
});

test('a model that nobody could describe is asked for again', { skip }, async (t) => {
  let described = false;
  const gateway = createServer((_request, response) => {
    const inputs = [{ name: 'text', datatype: 'BYTES', shape: [-1] }];
    response.writeHead(described ? 200 : 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify(described ? { inputs } : { error: 'no pod' }));
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  t.after(() => gateway.close());
  const fake = new FakeScaler();
  fake.tell({ pools: [poolReport('simple')] });
  const { port } = gateway.address() as AddressInfo;
  const { page } = await open(t, fake, { gatewayUrl: `http://127.0.0.1:${port}` });
  await page.getByLabel('Body JSON').waitFor();
  described = true;
  const telling = setInterval(() => fake.tell(), 500);
  t.after(() => clearInterval(telling));
  await page.getByLabel('Text', { exact: true }).waitFor();
});
