/** The timeline of the page: decisions, events, spans without a change, and what a filter leaves of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decisionRecord, FakeScaler, podReport, poolReport } from '../../scaler/page/testing/fake-scaler.ts';
import { skip } from './browser.ts';
import { fakePages, shows } from './fake-page.ts';

const open = fakePages();

test(
  'newest first, of one pool, without spans; arithmetic on request; an outcome that comes later',
  { skip },
  async (t) => {
    const fake = new FakeScaler();
    const now = Date.now();
    fake.tell({ pools: [poolReport('a'), poolReport('b')] });
    fake.decide(decisionRecord('a', { atMs: now - 3_000, reason: 'oldest' }));
    fake.decide(decisionRecord('b', { atMs: now - 1_000, reason: 'newest' }));
    fake.decide(decisionRecord('a', { atMs: now - 120_000, kind: 'hold', to: 1, why: 'all is well', outcome: '' }));
    const { page, complaints } = await open(t, fake);
    const reasons = page.locator('.entry:visible .reason');
    await reasons.nth(1).waitFor();
    await shows(page, 'no change for 2 min: all is well');
    assert.deepEqual(await reasons.allInnerTexts(), ['newest', 'oldest']);

    await page.getByLabel('no change').uncheck();
    await page.locator('.entry.hold').waitFor({ state: 'detached' });
    await page.getByLabel('Filter by pool').selectOption('a');
    await page.locator('.entry .reason', { hasText: 'newest' }).waitFor({ state: 'detached' });
    assert.deepEqual(await reasons.allInnerTexts(), ['oldest']);
    await page.locator('.entry:visible summary').click();
    await page.locator('.entry:visible .inputs', { hasText: 'queued' }).waitFor();
    await shows(page, 'demand 42/s + headroom 6/s = 48/s');

    fake.decide(decisionRecord('a', { atMs: now - 3_000, reason: 'oldest', outcome: 'conflict: an HPA scales it' }));
    await page.locator('.entry:visible .outcome.failed', { hasText: 'conflict: an HPA scales it' }).waitFor();
    assert.equal(await page.locator('.entry:visible details').getAttribute('open'), '');
    fake.decide(decisionRecord('a', { atMs: now - 3_000, reason: 'oldest', outcome: 'drains first' }));
    await page.locator('.entry:visible .outcome:not(.failed)', { hasText: 'drains first' }).waitFor();

    for (const pod of ['a-1', 'a-2']) {
      const outcome = `${pod}: ejected for 10 s`;
      fake.decide(decisionRecord('a', { atMs: now, kind: 'replace', from: 2, to: 2, reason: 'evicted', outcome }));
    }
    const replaced = page.locator('.entry.replace:visible');
    await replaced.nth(1).waitFor();
    assert.equal(await replaced.count(), 2, 'two pods that are replaced in one moment');
    assert.deepEqual(complaints, []);
  },
);

test(
  'holds that follow each other are one span, whose end is the next change; the last one lasts',
  { skip },
  async (t) => {
    const fake = new FakeScaler();
    const now = Date.now();
    const minutesAgo = (minutes: number) => now - minutes * 60_000;
    const hold = (minutes: number, why: string) =>
      fake.decide(
        decisionRecord('a', { atMs: minutesAgo(minutes), kind: 'hold', to: 1, reason: why, why, outcome: '' }),
      );
    hold(30, 'first');
    hold(28, 'second');
    hold(25, 'third');
    fake.decide(decisionRecord('a', { atMs: minutesAgo(18), reason: 'demand' }));
    hold(17, 'fourth');
    hold(10, 'fifth');
    fake.tell({ pools: [poolReport('a')] });
    const { page } = await open(t, fake);
    await page.locator('.entry.hold').nth(1).waitFor();
    assert.equal(await page.locator('.entry.hold').count(), 2);
    await shows(page, 'no change for 12 min: third');
    await shows(page, 'no change for 17 min: fifth');
    await page.locator('.entry.hold summary').last().click();
    assert.deepEqual(
      (await page.locator('.entry.hold .part:visible').allInnerTexts()).map((line) => line.replace(/^[\d:]+ /, '')),
      ['at 1: third', 'at 1: second', 'at 1: first'],
    );
    fake.tell({ atMs: now + 180_000 });
    await shows(page, 'no change for 20 min: fifth');
    assert.equal(await page.locator('.entry.hold details[open]').count(), 1, 'what is unfolded stays');
  },
);

test('restarts, ejections, drains and alerts stand among the decisions, with their runbooks', { skip }, async (t) => {
  const fake = new FakeScaler();
  const trouble = {
    condition: 'Ready',
    level: 'bad',
    reason: 'NoPodServes',
    message: '0 of 1 pods serve',
    sinceMs: 1,
    runbook: 'SluicePoolNotReady',
  } as const;
  const tell = (state: Parameters<typeof podReport>[1], troubles: (typeof trouble)[] = []) =>
    fake.tell({ pools: [poolReport('a', { pods: [podReport('a-1', state)], troubles })] });
  tell({});
  tell({ state: 'ejected', reason: 'hung' });
  const { page } = await open(t, fake);
  await page.locator('.entry.event.bad', { hasText: 'a-1 ejected: hung' }).waitFor();
  tell({ uid: 'second', state: 'starting', lastExit: 'signal SIGKILL' }, [trouble]);
  await page.locator('.entry.event.warn', { hasText: 'a-1 restarted: signal SIGKILL' }).waitFor();
  const alert = page.locator('.entry.event.bad', { hasText: 'not ready 0 of 1 pods serve' });
  assert.equal(await alert.locator('a.runbook').getAttribute('href'), 'runbooks/SluicePoolNotReady');
  tell({ uid: 'second' });
  await page.locator('.entry.event.good', { hasText: 'not ready resolved' }).waitFor();
  tell({ uid: 'second', state: 'draining' });
  await page.locator('.entry.event.plain', { hasText: 'a-1 drains' }).waitFor();
  assert.equal(await page.locator('.entry.event').count(), 5, 'each once, those from before the page too');
  const [opened] = await Promise.all([page.context().waitForEvent('page'), alert.locator('a.runbook').click()]);
  await opened.getByText('# SluicePoolNotReady').waitFor();
});
