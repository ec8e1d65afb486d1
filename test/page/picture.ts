/**
 * `npm run picture`: docs/page.png, the live page of a real system. Five minutes of load on four pools; then one pod is
 * stopped, so that its gateway ejects it, and one pool gets four times its load, so that it grows.
 */
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { launchBrowser, openPage, skip } from './browser.ts';
import { startLive, type LiveSystem, type PoolPlan } from './live-system.ts';

const file = fileURLToPath(new URL('../../docs/page.png', import.meta.url));
/** Length of the page's charts. */
const historyMs = 300_000;
/** Simulated loading time, in ms: a picture of starting pods needs a start that takes a while. */
const startDelayMs = '12000';

const scaling = (minReplicas: number, maxReplicas: number, idleSeconds = 300) => ({
  scaling: { minReplicas, maxReplicas, idleSeconds },
});
const within = (latencyMs: number) => ({ objective: { latencyMs } });
/** All but `langid` sleep instead of computing: two cores carry fifteen of such pods. */
const plans: readonly PoolPlan[] = [
  { name: 'language', models: [{ name: 'langid' }], maxRows: 64, spec: { ...within(250), ...scaling(1, 2) } },
  { name: 'vision', models: [{ name: 'detect', runMs: 60, rowMs: 30 }], spec: { ...within(1_500), ...scaling(1, 8) } },
  {
    name: 'search',
    models: [
      { name: 'embed', runMs: 40, rowMs: 10 },
      { name: 'rerank', runMs: 80, rowMs: 20 },
    ],
    spec: { ...within(1_000), ...scaling(5, 6) },
  },
  { name: 'fraud', models: [{ name: 'score', runMs: 20 }], spec: { ...within(100), ...scaling(0, 4, 60) } },
];

/** Load that comes and goes as that of people does, in minutes instead of hours. */
function offerAt(live: LiveSystem, atMs: number, visionPerS: number): void {
  const wave = (periodMs: number) => Math.sin((2 * Math.PI * atMs) / periodMs);
  live.offer('langid', 30 + 12 * wave(150_000));
  live.offer('detect', visionPerS + 5 * wave(90_000));
  live.offer('embed', 50 + 15 * wave(120_000));
  live.offer('rerank', 20 + 6 * wave(70_000));
  live.offer('score', atMs < historyMs / 4 ? 5 : 0);
}

if (skip !== false) throw new Error(skip);
await using live = await startLive(plans, { SLUICE_START_DELAY_MS: startDelayMs });
const browser = await launchBrowser();
const startedMs = performance.now();
let visionPerS = 20;
const traffic = setInterval(() => offerAt(live, performance.now() - startedMs, visionPerS), 1_000);
try {
  const { page } = await openPage(browser, live.system.scalerOrigin, { width: 1440, height: 1100, scale: 1.5 });
  await page.getByRole('button', { name: 'vision' }).click();
  console.log(`${historyMs / 1000} s of load, then ${file}`);
  await delay(historyMs);

  await page.getByLabel('Text', { exact: true }).fill('Guten Morgen, wie geht es dir?');
  await page.getByRole('button', { name: 'Predict' }).click();
  await page.locator('#answer-body', { hasText: 'deu' }).waitFor();
  await page.evaluate('document.activeElement.blur()');
  visionPerS = 80;
  await page.locator('.pool .pod.starting').first().waitFor();
  const { pools } = await live.report();
  const sick = pools.find(({ name }) => name === 'search')!.pods[2]!;
  process.kill(live.pidOf(sick.name), 'SIGSTOP');
  await page.locator('.row', { hasText: 'search' }).and(page.locator('[data-level="bad"]')).waitFor();
  await page.screenshot({ path: file });
  try {
    process.kill(live.pidOf(sick.name), 'SIGCONT');
  } catch {
    // The scaler has replaced it meanwhile.
  }
} finally {
  clearInterval(traffic);
  await browser.close();
}
console.log([...live.statuses].map(([status, count]) => `${count} × ${status}`).join(', '));
