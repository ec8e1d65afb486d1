/** The charts of a card: one time axis and one cursor for all, by pointer and by key, over minutes and hours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeScaler, poolReport } from '../../scaler/page/testing/fake-scaler.ts';
import { skip } from './browser.ts';
import { becomes, fakePages, shows } from './fake-page.ts';

const open = fakePages();

/** A pool whose values tell how many seconds ago they were. */
function countdown(seconds: number, now: number): FakeScaler {
  const fake = new FakeScaler();
  for (let ago = seconds; ago >= 0; ago -= 1) {
    const given = { arrivalsPerS: ago, forecastPerS: ago + 1, queued: ago, p99Ms: 1_000 + ago };
    fake.tell({ atMs: now - ago * 1_000, pools: [poolReport('a', given)] });
  }
  return fake;
}

test('a pointer over one chart shows the values of that time in all', { skip }, async (t) => {
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  const { page, complaints } = await open(t, countdown(300, now), { query: '?open=a' });
  const plot = page.locator('.pool .plot svg').first();
  await plot.waitFor();
  const values = () => page.locator('.pool .chart figcaption b').allInnerTexts();
  assert.deepEqual((await values()).slice(0, 1), ['0/s']);
  const { x, y, width } = (await plot.boundingBox())!;
  await page.mouse.move(x + width * 0.5, y + 10);
  await becomes(page, `document.querySelector('.axis b').textContent !== ''`);
  const [arrivals, , latency, waiting] = await values();
  const ago = Number.parseInt(arrivals!);
  assert.ok(Math.abs(ago - 150) <= 2, arrivals);
  assert.deepEqual([latency, waiting], ['1.2 s', String(ago)]);
  await shows(page, `forecast ${ago + 1}/s`);
  const lines = await page
    .locator('.pool .cursor')
    .evaluateAll((nodes) =>
      nodes.map((node) => (node as unknown as { getAttribute(name: string): string }).getAttribute('x1')),
    );
  assert.equal(lines.length, 5);
  assert.equal(new Set(lines).size, 1, 'one cursor over all charts');
  await page.mouse.move(x, y + 2_000);
  await becomes(page, `document.querySelector('.axis b').textContent === ''`);
  assert.deepEqual((await values()).slice(0, 1), ['0/s']);
  assert.deepEqual(complaints, []);
});

test('the cursor by keys, with its values in words', { skip }, async (t) => {
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  const fake = countdown(100, now);
  const { page } = await open(t, fake, { query: '?open=a' });
  const axis = page.getByRole('slider', { name: 'Time in the charts of a' });
  await page.locator('.pool path.main[d]').first().waitFor({ state: 'attached' });
  await axis.focus();
  const told = () => axis.getAttribute('aria-valuetext');
  await page.keyboard.press('ArrowLeft');
  assert.match((await told())!, /^\d\d:\d\d:\d\d: Requests 0\/s, Errors 0\/s, Latency p99 1 s, Waiting 0, Pods 1$/);
  await page.keyboard.press('ArrowLeft');
  assert.match((await told())!, /Requests 1\/s, .* Waiting 1,/);
  await page.keyboard.press('PageDown');
  assert.match((await told())!, /Requests 31\/s/);
  await page.keyboard.press('Home');
  assert.match((await told())!, /Requests 100\/s/);
  fake.tell({ atMs: now + 5_000 });
  await becomes(page, `document.querySelector('.axis').getAttribute('aria-valuenow') === '-105'`);
  await page.keyboard.press('Escape');
  assert.equal(await told(), 'now');
});

test('an hour and six hours are asked for when they are chosen, and go on with what comes', { skip }, async (t) => {
  const now = Math.floor(Date.now() / 60_000) * 60_000;
  const fake = countdown(2 * 3_600, now);
  const { page, requests } = await open(t, fake, { query: '?open=a' });
  const line = page.locator('.pool path.main').first();
  const points = async () => ((await line.getAttribute('d')) ?? '').match(/[ML]/g)?.length ?? 0;
  await becomes(page, `(document.querySelector('.pool path.main')?.getAttribute('d') ?? '').length > 1000`);
  assert.equal(requests.filter((url) => url.includes('window=1h')).length, 0);
  await page.getByText('1 h', { exact: true }).click();
  await page.getByRole('img', { name: /^Waiting: 0, .*; in the last hour between \d+ and 3\.6k$/ }).waitFor();
  const hour = await points();
  assert.ok(hour > 340 && hour <= 362, `${hour} points of an hour`);
  await page.getByText('6 h', { exact: true }).click();
  await page.getByRole('img', { name: /^Waiting: 0, .*; in the last 6 hours between \d+ and 7\.2k$/ }).waitFor();
  const hours = await points();
  assert.ok(hours > 115 && hours <= 123, `${hours} points of two hours`);
  fake.tell({ atMs: now + 1_000, pools: [poolReport('a', { queued: 9_000 })] });
  await page.getByRole('img', { name: /^Waiting: 9k, .* between \d+ and 9k$/ }).waitFor();
  assert.equal(await points(), hours, 'a report of the same minute adds no point');
});

test('a page that is hidden draws nothing, and draws what came once it is seen', { skip }, async (t) => {
  const fake = new FakeScaler();
  // Each report is counted.
  fake.silent = true;
  fake.tell({ pools: [poolReport('a', { arrivalsPerS: 1 })] });
  const { page } = await open(t, fake);
  await page.locator('.requests .value', { hasText: /^1$/ }).waitFor();
  // The form asks for its model's inputs once it is drawn, and shows them whenever the answer comes.
  await page.locator('#input-hint', { hasText: 'JSON' }).waitFor();
  await page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.isHidden });
    window.isHidden = true;
    window.changes = 0;
    // The heading tells of the link too, which is watched all the time.
    const told = document.querySelector('#attention');
    new MutationObserver((list) => (changes += list.filter(({ target }) => !told.contains(target)).length)).observe(document.querySelector('.columns'), { subtree: true, childList: true, characterData: true, attributes: true });
    window.heard = 0;
    new EventSource('api/stream').addEventListener('pools', () => (heard += 1));`);
  await becomes(page, 'heard === 1');
  for (let round = 2; round < 6; round += 1) {
    fake.tell({ pools: [poolReport('a', { arrivalsPerS: round })] });
    await becomes(page, `heard === ${round}`);
  }
  assert.equal(await page.evaluate('changes'), 0);
  await page.evaluate(`window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))`);
  await page.locator('.requests .value', { hasText: /^5$/ }).waitFor();
});
