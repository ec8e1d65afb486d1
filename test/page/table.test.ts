/** The tables of pools and models: worst first, dense, found by a word, opened by pointer and key, kept by the address. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolReport } from '../../contract/scaler-api.ts';
import {
  decisionRecord,
  FakeScaler,
  modelReport,
  podReport,
  poolReport,
} from '../../scaler/page/testing/fake-scaler.ts';
import { skip } from './browser.ts';
import { becomes, fakePages, order, rowOf, shows, text } from './fake-page.ts';

const open = fakePages();
const fine = { okPerS: 40, clientErrorsPerS: 0, shedPerS: 0, timeoutsPerS: 0, failedPerS: 0 };
const notReady = {
  condition: 'Ready',
  level: 'bad',
  reason: 'NoPodServes',
  message: '0 of 1 pods serve; b-1: refused',
  sinceMs: 1,
  runbook: 'SluicePoolNotReady',
} as const;

test('50 pools stand on two screens of a laptop, and nothing moves while data streams', { skip }, async (t) => {
  const fake = new FakeScaler();
  const pools = (round: number) =>
    Array.from({ length: 50 }, (_, index) =>
      poolReport(`pool-${index}`, {
        arrivalsPerS: 10 ** ((index + round) % 5),
        p99Ms: [4, 40, 99, 2.51, 0.4][(index + round) % 5]!,
        queued: 7 ** ((index + round) % 4),
        answers: { ...fine, shedPerS: index % 7 === 0 ? 0.1 + (round % 3) : 0 },
        pods: Array.from({ length: 1 + (index % 3) }, (_, pod) => podReport(`pool-${index}-${pod}`)),
      }),
    );
  fake.tell({ pools: pools(0) });
  fake.decide(decisionRecord('pool-3'));
  const { page, complaints } = await open(t, fake, { look: { width: 1440, height: 900 } });
  await page.locator('#pool-list .row').nth(49).waitFor();
  await becomes(page, `document.querySelector('#pool-list path[d]') !== null`);
  const height = await page.evaluate<number>('document.documentElement.scrollHeight');
  t.diagnostic(`50 pools are ${height} pixels high, on screens of 900`);
  assert.ok(height <= 1_800, `${height} pixels`);

  await page.evaluate(`window.shifts = [];
    new PerformanceObserver((list) => shifts.push(...list.getEntries().map((entry) => [entry.value, entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80))])))
      .observe({ type: 'layout-shift', buffered: false });`);
  for (let round = 1; round < 8; round += 1) {
    fake.tell({ pools: pools(round) });
    const words =
      round % 5 === 0 ? '1' : String(10 ** (round % 5) >= 1_000 ? `${10 ** (round % 5) / 1_000}k` : 10 ** (round % 5));
    await rowOf(page, 'pool-0')
      .locator('.requests .value', { hasText: new RegExp(`^${words}$`) })
      .waitFor();
  }
  assert.deepEqual(await page.evaluate('shifts'), []);
  assert.deepEqual(complaints, []);
});

for (const width of [1_900, 1_300, 1_024]) {
  test(`heads of columns and lines of tiles are whole on a window of ${width} pixels`, { skip }, async (t) => {
    const fake = new FakeScaler();
    fake.tell({ pools: [poolReport('a', { answers: fine, arrivalsPerS: 40, pods: [podReport('a-1')] })] });
    const { page } = await open(t, fake, { look: { width, height: 900 } });
    await rowOf(page, 'a').waitFor();
    const cut = await page.evaluate<string[]>(`
      [...document.querySelectorAll('#pool-list thead th, #pools thead th, .totals dt, .totals .aside')]
        .filter((node) => node.offsetParent !== null)
        .filter((node) => {
          const content = document.createRange();
          content.selectNodeContents(node);
          const [first, ...others] = content.getClientRects();
          const isBroken = others.some(({ top }) => top >= first.bottom);
          return isBroken || node.scrollWidth > node.clientWidth;
        })
        .map((node) => node.textContent)`);
    assert.deepEqual(cut, []);
  });
}

test(
  'worst first: needs attention, over its objective, sheds, the rest; it says what limits it',
  { skip },
  async (t) => {
    const fake = new FakeScaler();
    const pools: PoolReport[] = [
      poolReport('a-calm', { idle: { sinceMs: 1, untilMs: Date.now() + 95_000 }, answers: fine, arrivalsPerS: 40 }),
      poolReport('b-sick', { troubles: [notReady], pods: [podReport('b-1', { state: 'ejected' })] }),
      poolReport('c-sheds', { answers: { ...fine, shedPerS: 10 }, arrivalsPerS: 50 }),
      poolReport('d-late', {
        p99Ms: 494,
        objectiveMs: 300,
        limitedBy: 'maxReplicas is 3, and it needs 6 pods',
        why: 'it has the pods that it needs',
      }),
      poolReport('e-rest', { pods: [] }),
    ];
    fake.tell({ pools });
    const { page } = await open(t, fake);
    await page.locator('#pool-list .row').nth(4).waitFor();
    assert.deepEqual(await order(page), ['b-sick', 'd-late', 'c-sheds', 'a-calm', 'e-rest']);
    await shows(page, '2 pools need attention');
    const state = (pool: string) => rowOf(page, pool).locator('.state').innerText();
    assert.equal(await state('b-sick'), '0 of 1 pods serve; b-1: refused');
    assert.equal(await state('d-late'), 'over objective: maxReplicas is 3, and it needs 6 pods');
    assert.equal(await state('c-sheds'), '20% shed');
    assert.match(await state('a-calm'), /^may scale down in \d\d s$/);
    assert.equal(await state('e-rest'), 'at rest: starts with the next request');

    await rowOf(page, 'd-late').click();
    await shows(page, 'p99 494 ms, over the objective of 300 ms: maxReplicas is 3, and it needs 6 pods');
    await shows(page, 'limited: maxReplicas is 3, and it needs 6 pods');
    assert.doesNotMatch(await text(page, '.pool'), /has the pods that it needs/, 'no contradiction');
    assert.equal(await page.locator('.pool a.runbook').getAttribute('href'), 'runbooks/SluiceObjectiveMissed');

    // Top line: errors by kind, the worst pool against its objective, what is out.
    const tiles = (await page.locator('#totals > div').allInnerTexts()).map((tile) => tile.replaceAll(/\s+/g, ' '));
    assert.deepEqual(tiles, [
      'requests/s 90 0 in flight',
      'errors 11% 11% shed',
      'worst p99 494 ms of 300 ms, d-late',
      'pods 3 / 4 1 out',
      'waiting 0 nothing',
    ]);
  },
);

test('a pool that comes back from zero is calm, and red once its start has become a trouble', { skip }, async (t) => {
  const fake = new FakeScaler();
  const starting = { pods: [podReport('a-1', { state: 'starting' })], queued: 3, oldestMs: 900, p99Ms: null };
  fake.tell({ pools: [poolReport('a', { ...starting, troubles: [] })] });
  const { page } = await open(t, fake, { query: '?open=a' });
  const row = rowOf(page, 'a');
  await row.locator('.state', { hasText: '1 pod starting' }).waitFor();
  assert.equal(await row.getAttribute('data-level'), 'calm');
  await page.locator('.pool .pod.starting').waitFor();
  assert.deepEqual(await page.locator('.bad:visible').allInnerTexts(), []);

  fake.tell({ pools: [poolReport('a', { ...starting, troubles: [notReady] })] });
  await row.and(page.locator('[data-level="bad"]')).waitFor();
  await row.locator('.cell.pods.bad').waitFor();
  await row.locator('.cell.waiting.bad').waitFor();
  await page.locator('.remarks .warn', { hasText: '3 requests waiting, no pod ready' }).waitFor();
  assert.equal(await page.locator('.totals .bad').count(), 2);
});

test('a pool rises at once, sinks later, and no row moves under the pointer', { skip }, async (t) => {
  const fake = new FakeScaler();
  const now = Date.now();
  const tell = (sick: string, atMs: number) =>
    fake.tell({
      atMs,
      pools: ['a', 'b', 'c'].map((name) => poolReport(name, { troubles: name === sick ? [notReady] : [] })),
    });
  tell('', now);
  const { page } = await open(t, fake);
  const inOrder = (names: string) =>
    becomes(
      page,
      `[...document.querySelectorAll('#pool-list .name')].slice(1).map((node) => node.textContent).join('') === '${names}'`,
    );
  await inOrder('abc');
  tell('c', now + 1_000);
  await inOrder('cab');
  tell('', now + 2_000);
  await shows(page, 'Nothing needs attention');
  assert.deepEqual(await order(page), ['c', 'a', 'b'], 'it sinks later');
  tell('', now + 20_000);
  await inOrder('abc');
  await rowOf(page, 'a').getByRole('button').focus();
  tell('b', now + 21_000);
  await shows(page, '1 pool needs attention');
  assert.deepEqual(await order(page), ['a', 'b', 'c'], 'not while the keyboard is among the rows');
  assert.equal(await page.locator(':focus').innerText(), '●\na');
});

test('a row opens its card by pointer and by key, and the address keeps what is open', { skip }, async (t) => {
  const fake = new FakeScaler();
  const names = ['a', 'b & c', 'ü?#'];
  fake.tell({ pools: names.map((name) => poolReport(name)) });
  const { page, complaints } = await open(t, fake);
  await rowOf(page, 'a').click();
  await page.locator('.pool:visible').waitFor();
  await rowOf(page, 'b & c').getByRole('button').focus();
  await page.keyboard.press('Space');
  await rowOf(page, 'ü?#').getByRole('button').press('Enter');
  await page.locator('.pool:visible').nth(2).waitFor();
  await rowOf(page, 'a').click();
  await page.locator('.pool:visible').nth(2).waitFor({ state: 'detached' });
  assert.equal(await rowOf(page, 'a').getByRole('button').getAttribute('aria-expanded'), 'false');
  await page.getByLabel('Find').fill('b');
  await page.getByText('1 h', { exact: true }).click();
  await page.getByText('Models', { exact: true }).click();
  const { searchParams } = new URL(page.url());
  assert.deepEqual(searchParams.getAll('open'), ['b & c', 'ü?#']);
  assert.deepEqual(
    [searchParams.get('find'), searchParams.get('window'), searchParams.get('view')],
    ['b', '1h', 'models'],
  );

  await page.reload();
  await page.locator('#model-list .row').waitFor();
  assert.equal(await page.getByLabel('Find').inputValue(), 'b');
  await page.getByText('Pools', { exact: true }).last().click();
  await page.locator('.pool:visible').waitFor();
  assert.deepEqual(await order(page), ['b & c']);
  await page.getByLabel('Find').fill('');
  await page.locator('.pool:visible').nth(1).waitFor();
  assert.deepEqual(complaints, []);
});

test('one pool is found among many, by its name or a model', { skip }, async (t) => {
  const fake = new FakeScaler();
  fake.tell({
    pools: Array.from({ length: 9 }, (_, index) => poolReport(`pool-${index}`, { models: [`model-${index}`] })),
  });
  const { page } = await open(t, fake);
  await page.getByLabel('Find').fill('MODEL-7');
  await shows(page, '1 of 9');
  assert.deepEqual(await order(page), ['pool-7']);
  await page.getByLabel('Find').fill('nothing like it');
  await shows(page, 'No pool matches.');
});

test('models: version, hash, batched or why not, rows, errors, p99 and cost', { skip }, async (t) => {
  const fake = new FakeScaler();
  const hash = '0123456789abcdef0123456789abcdef';
  const answers = { okPerS: 8, clientErrorsPerS: 1, shedPerS: 0.5, timeoutsPerS: 0.25, failedPerS: 0.25 };
  const modelReports = [
    modelReport('plain', {
      version: '3',
      arrivalsPerS: 20,
      rowsPerS: 160,
      p99Ms: 42,
      cost: { aMs: 1.53, cMs: 0.0213 },
    }),
    modelReport('odd', { unbatchedReason: 'outputs change with companions', answers }),
    modelReport('gone', { unservedReason: 'no pod has loaded it', hash }),
  ];
  fake.tell({ pools: [poolReport('p', { models: modelReports.map(({ name }) => name), modelReports })] });
  const { page } = await open(t, fake, { query: '?view=models' });
  await page.locator('#model-list .row').nth(2).waitFor();
  const rows = await page
    .locator('#model-list .row')
    .evaluateAll((nodes) =>
      nodes.map((node) =>
        Array.from(
          (node as unknown as { children: Iterable<{ textContent: string }> }).children,
          (cell) => cell.textContent,
        ),
      ),
    );
  assert.deepEqual(rows, [
    ['gone', 'p', '1 · 01234567', 'not served: no pod has loaded it', '0', '0', '–', '', '–', '1.5 + 0.2·rows'],
    ['odd', 'p', '1', 'one by one: outputs change with companions', '0', '0', '10%', '10%', '–', '1.5 + 0.2·rows'],
    ['plain', 'p', '3', 'batched, up to 64 rows', '20', '160', '–', '', '42 ms', '1.5 + 0.021·rows'],
  ]);
});
