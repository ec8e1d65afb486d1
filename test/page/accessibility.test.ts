/** axe-core finds nothing on the page, in light and dark, from phone to desktop; and nothing scrolls sideways from 360 pixels on. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { PodReport } from '../../contract/scaler-api.ts';
import {
  decisionRecord,
  FakeScaler,
  modelReport,
  podReport,
  poolReport,
} from '../../scaler/page/testing/fake-scaler.ts';
import { launchBrowser, openPage, skip, type Look } from './browser.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const looks: Readonly<Record<string, Look>> = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  'a phone': { width: 360, height: 740, colorScheme: 'light' },
  'a tablet': { width: 768, height: 1024, colorScheme: 'dark' },
  'a small laptop': { width: 1120, height: 700, colorScheme: 'light' },
  'a phone, dark': { width: 360, height: 740, colorScheme: 'dark' },
};

let browser: Browser;
before(async () => {
  if (skip === false) browser = await launchBrowser();
});
after(async () => {
  if (skip === false) await browser.close();
});

/** Everything that the page can show, at once. */
function fill(fake: FakeScaler): void {
  const pods: PodReport[] = PodReport.properties.state.enum.map((state, index) =>
    podReport(`busy-6d5f-${index}abc`, {
      state,
      inFlight: index * 3,
      reason: state === 'ejected' ? 'reset: hung up' : null,
    }),
  );
  const many = Array.from({ length: 90 }, (_, index) =>
    podReport(`many-${index}`, { inFlight: index % 5, state: index % 30 === 0 ? 'probing' : 'serving' }),
  );
  const trouble = {
    condition: 'AbleToScale',
    level: 'bad',
    reason: 'Conflict',
    message: 'an HPA scales it',
    sinceMs: 1,
    runbook: 'SluiceScalerHolding',
  } as const;
  const condition = { reason: 'Conflict', message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' };
  for (let ago = 60; ago > 0; ago -= 1) {
    fake.tell({
      atMs: Date.now() - ago * 1_000,
      gateways: [{ name: 'gateway-a', reporting: false, ageMs: null, terminating: false }],
      pools: [
        poolReport('busy', {
          pods,
          queued: ago * 7,
          oldestMs: 900,
          p99Ms: 130,
          arrivalsPerS: ago,
          why: 'more waits than the pods can serve in time',
          limitedBy: 'maxReplicas is 3, and it needs 6 pods',
          answers: { okPerS: 40, clientErrorsPerS: 3, shedPerS: 2, timeoutsPerS: 1, failedPerS: 1 },
          troubles: ago > 30 ? [] : [trouble],
          modelReports: [
            modelReport('busy', { unbatchedReason: 'outputs change with companions', hash: '0123456789abcdef' }),
            modelReport('lost', { unservedReason: 'no pod has loaded it' }),
          ],
          conditions: [{ type: 'AbleToScale', status: 'False', ...condition }],
        }),
        poolReport('many', { pods: many, mode: 'DryRun', models: ['one', 'two'], unbatched: { two: 'maxRows is 1' } }),
        poolReport('compact', { pods: many.slice(0, 40).map((pod) => ({ ...pod, uid: `c-${pod.uid}` })) }),
        poolReport('cold', { pods: [], desiredReplicas: 1, queued: 3, mode: 'Paused', p99Ms: null, p50Ms: null }),
        ...['d', 'e', 'f', 'g'].map((name) => poolReport(name)),
      ],
    });
  }
  fake.decide(decisionRecord('busy', { kind: 'hold', to: 1, reason: 'no-gain', atMs: Date.now() - 9_000 }));
  fake.decide(decisionRecord('many', { kind: 'replace', to: 1, reason: 'sick', outcome: 'conflict: gone' }));
  fake.decide(decisionRecord('busy', { from: 4, to: 2, reason: 'idle', atMs: Date.now() - 5_000 }));
}

/** Violations of any weight; each as its rule and the elements. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const results = await page.evaluate<AxeResults>('axe.run()');
  assert.ok(results.passes.length > 20, `axe looked at ${results.passes.length} rules only`);
  return results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`,
  );
}

async function fits(page: Page): Promise<void> {
  const [needed, width] = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]');
  assert.ok(needed! <= width!, `${needed} pixels wide, on ${width}`);
}

for (const [name, look] of Object.entries(looks)) {
  test(`no violation in ${name}`, { skip }, async (t) => {
    const fake = new FakeScaler();
    t.after(() => fake.close());
    fill(fake);
    const { page, complaints } = await openPage(
      browser,
      `${await fake.start()}/?open=busy&open=many&open=compact&open=cold`,
      look,
    );
    t.after(() => page.context().close());
    await page.locator('.entry').nth(2).waitFor();
    // Charts out of sight are not drawn, and axe can't judge what is not drawn.
    for (const pool of await page.locator('.pool').all()) {
      await pool.scrollIntoViewIfNeeded();
      await pool.locator('path.main[d]').first().waitFor({ state: 'attached' });
    }
    for (const summary of await page.locator('.entry summary').all()) await summary.click();
    await page.getByRole('button', { name: 'show all 90' }).click();
    await page.getByRole('button', { name: 'Predict' }).click();
    await page.locator('#answer').waitFor();
    assert.deepEqual(await violations(page), []);
    await fits(page);
    await page.getByText('Models', { exact: true }).click();
    await page.locator('#model-list .row').nth(2).waitFor();
    assert.deepEqual(await violations(page), []);
    await fits(page);
    await page.locator('.choice').getByText('Pools', { exact: true }).click();

    fake.refuseStreams = true;
    fake.cut();
    await page.getByText('disconnected').first().waitFor();
    assert.deepEqual(await violations(page), []);
    // The form was sent without a gateway, and the stream was refused: the browser says so.
    assert.deepEqual(
      complaints.filter((complaint) => !/503|ERR_/.test(complaint)),
      [],
    );
  });
}

test('axe does find what is wrong: an input without a name', { skip }, async (t) => {
  const fake = new FakeScaler();
  t.after(() => fake.close());
  const { page } = await openPage(browser, await fake.start());
  t.after(() => page.context().close());
  await page.evaluate(`document.querySelector('label[for="model"]').remove()`);
  assert.match((await violations(page)).join('\n'), /select-name/);
});
