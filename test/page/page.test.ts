/** The live page in a real browser, fed with values that a test writes: what it shows, what it says, what it can't be made to do. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { decisionRecord, FakeScaler, podReport, poolReport } from '../../scaler/page/testing/fake-scaler.ts';
import { launchBrowser, openPage, skip, type Look, type OpenPage } from './browser.ts';

let browser: Browser;
before(async () => {
  if (skip === false) browser = await launchBrowser();
});
after(async () => {
  if (skip === false) await browser.close();
});

async function open(
  t: TestContext,
  fake: FakeScaler,
  look?: Look,
  gatewayUrl: string | null = null,
): Promise<OpenPage> {
  t.after(() => fake.close());
  const opened = await openPage(browser, await fake.start(gatewayUrl), look);
  t.after(() => opened.page.context().close());
  return opened;
}

const text = (page: Page, selector: string) => page.locator(selector).first().innerText();
const shows = (page: Page, words: string) => page.getByText(words).first().waitFor();

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
    const { page, complaints, requests } = await open(t, fake);

    await shows(page, 'live, this scaler leads');
    assert.match(await text(page, '.pool'), /langid[^]*42\/s[^]*forecast 50\/s[^]*oldest 1\.5 s[^]*objective 100 ms/);
    await shows(page, 'more waits than is good');
    const line = page.getByRole('img', {
      name: /^Queued: 1, oldest 1\.5 s, wait 1 ms; in the last 5 minutes between 1 and 100$/,
    });
    await line.waitFor();
    const path = await line.locator('path.main').getAttribute('d');
    assert.ok((path?.match(/L/g) ?? []).length >= 98, `a short line: ${path ?? ''}`);
    await page.getByRole('button', { name: 'a1b2 idle, serving, langid-a1b2' }).waitFor();
    assert.match(await text(page, '.decision'), /langid\s+1 → 2\s+backlog\s+written\s+demand 42\/s \+ headroom/);

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
  const { page } = await open(t, fake);
  const line = page.locator('.pool path.main').first();
  await line.waitFor({ state: 'attached' });
  const points = async () => ((await line.getAttribute('d')) ?? '').match(/L/g)?.length ?? 0;
  const known = await points();
  assert.ok(known >= 98, `${known} points`);
  fake.tell({ pools: [] });
  await page.locator('.pool').waitFor({ state: 'detached' });
  fake.tell({ pools });
  await line.waitFor({ state: 'attached' });
  assert.ok((await points()) >= known, `${await points()} of ${known} points are left`);
});

test('models that are not batched are listed with their reasons, the first eight of many', { skip }, async (t) => {
  const fake = new FakeScaler();
  const reason = "outputs change with companions (0.41 of the scale of '<b>tags</b>')";
  fake.tell({ pools: [poolReport('langid', { models: ['langid', 'tagger'], unbatched: { tagger: reason } })] });
  const { page, complaints } = await open(t, fake);
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
    const { page, complaints } = await open(t, fake);
    await shows(page, 'live, this scaler leads');
    assert.equal(await text(page, '#calm'), 'Nothing.');
    const cells = page.locator('.cells .pod');
    await cells.first().waitFor();
    assert.equal(await cells.count(), 1);

    fake.decide(decisionRecord('langid', { from: 1, to: 3 }));
    const starting = ['b', 'c'].map((name) => podReport(`langid-${name}`, { state: 'starting' }));
    fake.tell({ pools: [poolReport('langid', { pods: [podReport('langid-a'), ...starting] })] });
    await page.locator('.cells .pod.starting').nth(1).waitFor();
    await page
      .locator('#spoken', { hasText: 'langid: scaled from 1 to 3, backlog, written' })
      .waitFor({ state: 'attached' });

    const ejected = podReport('langid-a', { state: 'ejected', reason: 'refused: nobody listens' });
    fake.tell({ pools: [poolReport('langid', { pods: [ejected, podReport('langid-b', { inFlight: 7 })] })] });
    await shows(page, 'langid-a ejected: refused: nobody listens');
    await shows(page, '1 pod ejected');
    assert.match(await text(page, '#attention'), /langid 1 pod ejected/);
    assert.match(await text(page, '.cells .pod.serving'), /b\s*7/);
    assert.equal(await page.title(), '(1) Sluice');
    const drained = podReport('langid-c', { state: 'foreign-drain', reason: 'drained by "x", not by this scaler' });
    fake.tell({ pools: [poolReport('langid', { pods: [drained, podReport('langid-b', { inFlight: 7 })] })] });
    await shows(page, 'langid-c drained by another: drained by "x", not by this scaler');
    assert.match(await text(page, '#attention'), /langid 1 pod drained by another/);
    await page.locator('#attention a').focus();
    const both = [ejected, podReport('langid-b', { state: 'ejected' })];
    fake.tell({ pools: [poolReport('aaa', { pods: [ejected] }), poolReport('langid', { pods: both })] });
    await shows(page, 'langid 2 pods ejected');
    assert.deepEqual(await page.locator('#attention a').allInnerTexts(), ['aaa', 'langid']);
    assert.equal(await page.locator(':focus').innerText(), 'langid', 'who is on a link stays on it');

    const condition = { type: 'ScalingActive', status: 'False', reason: 'NoFit' } as const;
    const conditions = [{ ...condition, message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' }];
    fake.tell({ pools: [poolReport('langid', { conditions })] });
    await shows(page, 'langid scaling active: no, no fit');
    fake.tell({ pools: [poolReport('langid', { conditions, pods: [] })] });
    await shows(page, 'Nothing.');

    fake.tell({ pools: [] });
    await shows(page, 'No pools.');
    assert.equal(await page.locator('.pool').count(), 0);
    assert.deepEqual(complaints, []);
  },
);

test(
  'decisions: newest first, of one pool, without holds; inputs on request; an outcome that comes later',
  { skip },
  async (t) => {
    const fake = new FakeScaler();
    const now = Date.now();
    fake.tell({ pools: [poolReport('a'), poolReport('b')] });
    fake.decide(decisionRecord('a', { atMs: now - 3_000, reason: 'oldest' }));
    fake.decide(decisionRecord('b', { atMs: now - 1_000, reason: 'newest' }));
    fake.decide(decisionRecord('a', { atMs: now - 120_000, kind: 'hold', to: 1, reason: 'steady', outcome: '' }));
    const { page, complaints } = await open(t, fake);
    const reasons = page.locator('.decision:visible .reason');
    await reasons.nth(2).waitFor();
    assert.deepEqual(await reasons.allInnerTexts(), ['newest', 'oldest', 'steady']);

    await page.getByLabel('holds').uncheck();
    assert.deepEqual(await reasons.allInnerTexts(), ['newest', 'oldest']);
    await page.getByLabel('Filter by pool').selectOption('a');
    assert.deepEqual(await reasons.allInnerTexts(), ['oldest']);
    await page.locator('.decision:visible summary').click();
    await page.locator('.decision:visible .inputs', { hasText: 'queued' }).waitFor();

    fake.decide(decisionRecord('a', { atMs: now - 3_000, reason: 'oldest', outcome: 'conflict: an HPA scales it' }));
    await page.locator('.decision:visible .outcome.failed', { hasText: 'conflict: an HPA scales it' }).waitFor();
    assert.equal(await page.locator('.decision:visible details').getAttribute('open'), '');
    fake.decide(decisionRecord('a', { atMs: now - 3_000, reason: 'oldest', outcome: 'drains first' }));
    await page.locator('.decision:visible .outcome:not(.failed)', { hasText: 'drains first' }).waitFor();

    for (const pod of ['a-1', 'a-2']) {
      const outcome = `${pod}: ejected for 10 s`;
      fake.decide(decisionRecord('a', { atMs: now, kind: 'replace', from: 2, to: 2, reason: 'evicted', outcome }));
    }
    const replaced = page.locator('.decision.replace:visible');
    await replaced.nth(1).waitFor();
    assert.equal(await replaced.count(), 2, 'two pods that are replaced in one moment');
    assert.deepEqual(complaints, []);
  },
);

test('a hold that is the last word on its pool says for how long', { skip }, async (t) => {
  const fake = new FakeScaler();
  fake.decide(decisionRecord('a', { atMs: Date.now() - 120_000, kind: 'hold', to: 1, reason: 'steady', outcome: '' }));
  fake.tell({ pools: [poolReport('a')] });
  const { page } = await open(t, fake);
  await shows(page, 'held at 1');
  fake.tell();
  await shows(page, 'for 2 min');
});

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
        why: name,
        pods: [podReport(name, { state: 'ejected', reason: name })],
        conditions: [{ type: 'AbleToScale', status: 'False', reason: name, message: name, lastTransitionTime: name }],
      }),
    ),
  });
  for (const name of hostile) {
    fake.decide(decisionRecord(name, { reason: name, outcome: name, arithmetic: [name], inputs: { [name]: name } }));
  }
  const { page, complaints } = await open(t, fake, { width: 360, height: 800 });
  await page
    .locator('.pool')
    .nth(hostile.length - 1)
    .waitFor({ state: 'attached' });
  await page
    .locator('.decision')
    .nth(hostile.length - 1)
    .waitFor({ state: 'attached' });
  for (const name of hostile) {
    await page.locator('h3', { hasText: name }).first().waitFor({ state: 'attached' });
    // A pool is drawn only once it is in sight.
    await page.locator('.pool').nth(hostile.indexOf(name)).scrollIntoViewIfNeeded();
  }
  assert.equal(await page.evaluate('window.hacked'), undefined);
  assert.equal(await page.locator('img, iframe, script:not([src]), [onerror]').count(), 0);
  const hrefs = await page.evaluate<string[]>(
    `[...document.querySelectorAll('a')].map((link) => link.getAttribute('href'))`,
  );
  assert.deepEqual(
    hrefs.filter((href) => !/^(#|api\/pools$)/.test(href)),
    [],
  );
  assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'scrolls sideways');
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
    assert.equal(await page.locator('.pool').count(), 1, 'what was known stays');

    fake.decide(decisionRecord('langid', { reason: 'meanwhile' }));
    fake.refuseStreams = false;
    fake.tell({ pools: [poolReport('langid', { queued: 5 })] });
    await shows(page, 'live, this scaler leads');
    await shows(page, 'meanwhile');
  },
);

test('followers, no leader, a missing gateway and silence are told apart', { skip }, async (t) => {
  const fake = new FakeScaler();
  fake.tell({ leading: false, leader: 'scaler-b' });
  const { page } = await open(t, fake);
  await shows(page, 'live, standby: scaler-b leads');
  fake.tell({ leader: null });
  await shows(page, 'live, no scaler leads');
  fake.tell({
    leading: true,
    gateways: [
      { name: 'gateway-a', reporting: true, ageMs: 10, terminating: false },
      { name: 'gateway-b', reporting: false, ageMs: null, terminating: false },
      { name: 'gateway-c', reporting: false, ageMs: null, terminating: true },
    ],
  });
  await shows(page, '2 of 3 gateways reporting, missing: gateway-b');
  // The scaler sends no more reports from here on.
  await shows(page, 'connected, but no report for');
});

test('by keyboard: skip link, pods by arrows, the form', { skip }, async (t) => {
  const fake = new FakeScaler();
  fake.tell({ pools: [poolReport('a', { pods: ['a-1', 'a-2', 'a-3'].map((name) => podReport(name)) })] });
  const { page } = await open(t, fake);
  await page.locator('.cells .pod').nth(2).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the pools');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  const focused = () => page.evaluate(`document.activeElement.getAttribute('aria-label')`);
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
  const { page } = await open(t, fake, {}, `http://127.0.0.1:${port}`);
  await page.getByLabel('Body JSON').waitFor();
  described = true;
  const telling = setInterval(() => fake.tell(), 500);
  t.after(() => clearInterval(telling));
  await page.getByLabel('Text', { exact: true }).waitFor();
});

test('one pool is found among many', { skip }, async (t) => {
  const fake = new FakeScaler();
  fake.tell({
    pools: Array.from({ length: 9 }, (_, index) => poolReport(`pool-${index}`, { models: [`model-${index}`] })),
  });
  const { page } = await open(t, fake);
  await page.getByLabel('Find').fill('MODEL-7');
  await shows(page, '1 of 9');
  await page.waitForFunction(`document.querySelectorAll('.pool:not([hidden])').length === 1`);
  assert.match(await text(page, '.pool:not([hidden])'), /pool-7/);
});
