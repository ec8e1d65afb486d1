/** 50 pools of 200 pods: the page stays responsive, and its work for an update is bounded. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, CDPSession } from 'playwright-core';
import type { PoolReport } from '../../contract/scaler-api.ts';
import { FakeScaler, podReport, poolReport } from '../../scaler/page/testing/fake-scaler.ts';
import { launchBrowser, openPage, skip } from './browser.ts';

const pools = 50;
const podsPerPool = 200;
/** CPU time of the main thread, scripts, style and layout together, of half of the updates. */
const updateLimitMs = 100;
const updates = 12;

let browser: Browser;
before(async () => {
  if (skip === false) browser = await launchBrowser();
});
after(async () => {
  if (skip === false) await browser.close();
});

/** Every value of every pool differs from those of the round before. */
function reports(round: number): PoolReport[] {
  return Array.from({ length: pools }, (_, index) =>
    poolReport(`pool-${index}`, {
      arrivalsPerS: 100 + ((round * 37 + index) % 400),
      forecastPerS: 120 + ((round * 31 + index) % 400),
      queued: (round * 13 + index) % 900,
      oldestMs: (round * 17) % 500,
      p99Ms: 20 + ((round * 7 + index) % 150),
      predictedWaitMs: (round * 3 + index) % 200,
      maxReplicas: podsPerPool,
      why: `round ${round}`,
      objectiveMs: null,
      limitedBy: null,
      pods: Array.from({ length: podsPerPool }, (_, pod) =>
        podReport(`pool-${index}-${pod}`, {
          inFlight: (round + pod) % 9,
          state: (round + pod) % 25 === 0 ? 'starting' : pod % 40 === 0 ? 'ejected' : 'serving',
          reason: pod % 40 === 0 ? 'hung: no answer within 1200 ms' : null,
        }),
      ),
    }),
  );
}

/** CPU milliseconds of the main thread, of scripts, style and layout: waiting for a core is not the page's work. */
async function workedMs(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? NaN;
  return 1_000 * (of('ScriptDuration') + of('LayoutDuration') + of('RecalcStyleDuration'));
}

test(
  `an update of ${pools} pools of ${podsPerPool} pods takes less than ${updateLimitMs} ms of CPU`,
  { skip },
  async (t) => {
    const fake = new FakeScaler();
    // A report that is repeated in the middle of an update would be counted as work of that update.
    fake.silent = true;
    t.after(() => fake.close());
    // The history is as long as the page keeps it: 300 s.
    for (let s = 300; s > 0; s -= 1) fake.tell({ atMs: Date.now() - s * 1_000, pools: reports(s) });
    const { page, complaints } = await openPage(browser, `${await fake.start()}/?open=pool-0&open=pool-1&open=pool-2`);
    t.after(() => page.context().close());
    await page.getByText('pool-0', { exact: true }).first().waitFor();
    await page.locator('path.main[d]').first().waitFor();
    await page.locator('.counts', { hasText: 'serving' }).first().waitFor();
    assert.ok((await page.locator('.cells .pod').count()) < 1_000, 'well pods are counts');

    await page.evaluate(`window.longTasksMs = [];
      new PerformanceObserver((list) => longTasksMs.push(...list.getEntries().map(({ duration }) => duration)))
        .observe({ type: 'longtask' });`);
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    const taken: number[] = [];
    for (let round = 1_000; round < 1_000 + updates; round += 1) {
      const before = await workedMs(session);
      fake.tell({ pools: reports(round) });
      await page.getByText(`: round ${round}`).first().waitFor();
      taken.push((await workedMs(session)) - before);
    }
    t.diagnostic(`CPU of the main thread, ms an update: ${taken.map((ms) => ms.toFixed(0)).join(' ')}`);
    const longMs = await page.evaluate<number[]>('longTasksMs');
    t.diagnostic(`tasks beyond 50 ms, of ${updates} updates: ${longMs.map((ms) => ms.toFixed(0)).join(' ') || 'none'}`);
    const median = taken.toSorted((one, other) => one - other)[updates / 2]!;
    assert.ok(median < updateLimitMs, `half of ${updates} updates took ${median.toFixed(0)} ms or more`);
    const own = await page.evaluate(`performance.getEntriesByName('sluice:update')[0].duration`);
    assert.ok(Number.isFinite(own), 'the page measures its updates');

    // All cells of one pool, on request.
    await page
      .getByRole('button', { name: `show all ${podsPerPool}` })
      .first()
      .click();
    await page
      .locator('.pool')
      .first()
      .locator('.cells .pod')
      .nth(podsPerPool - 1)
      .waitFor();
    assert.deepEqual(complaints, []);
  },
);
