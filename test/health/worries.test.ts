/** Worries that a healthy system must not give, planted one at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolReport, PoolsReport } from '../../contract/scaler-api.ts';
import { podReport, poolReport } from '../../scaler/page/testing/fake-scaler.ts';
import type { PageLook } from './page.ts';
import { worriesOfAlerts, worriesOfPage, worriesOfReport, worryOfLine } from './worries.ts';

const reportOf = (pool: Partial<PoolReport> = {}, report: Partial<PoolsReport> = {}): PoolsReport => ({
  atMs: 0,
  leading: true,
  leader: 'local',
  gateways: [{ name: 'g', reporting: true, ageMs: 0, terminating: false }],
  pools: [poolReport('p', { minReplicas: 1, ...pool })],
  ...report,
});
const look: PageLook = {
  look: 'dark, 390 px, pools',
  view: 'pools',
  link: 'live',
  attention: 'Nothing needs attention',
  rows: [{ pool: 'p', level: 'calm', pods: '1 / 1' }],
  red: [],
  overflowPx: 0,
  complaints: [],
};
const words = (found: readonly { readonly words: string }[]): string => found.map((one) => one.words).join('\n');

test('a well report, page, log and Prometheus worry nobody, and neither does a pool at rest', () => {
  assert.deepEqual(worriesOfReport(reportOf()), []);
  assert.deepEqual(worriesOfReport(reportOf({ pods: [], minReplicas: 0 })), []);
  assert.deepEqual(worriesOfPage(look), []);
  assert.deepEqual(worriesOfAlerts([]), []);
  assert.equal(worryOfLine('gateway', '{"level":30,"msg":"pod p-1 is serving"}'), null);
});

test('what a report warns of', () => {
  const trouble = { condition: 'Ready', level: 'bad', reason: 'NoPodServes', message: 'x', sinceMs: 0, runbook: null };
  const answers = { okPerS: 9, clientErrorsPerS: 0, shedPerS: 0, timeoutsPerS: 1, failedPerS: 0 };
  const planted: readonly (readonly [RegExp, PoolsReport])[] = [
    [/p NoPodServes: x/, reportOf({ troubles: [{ ...trouble, level: 'bad' }] })],
    [/a ejected: hung/, reportOf({ pods: [podReport('a', { state: 'ejected', reason: 'hung' })] })],
    [/p loses 1.00 requests\/s/, reportOf({ answers })],
    [/p p99 200 ms of 100 ms/, reportOf({ p99Ms: 200 })],
    [/p has no pod/, reportOf({ pods: [] })],
    [/does not lead/, reportOf({}, { leading: false })],
    [/no report from g/, reportOf({}, { gateways: [{ name: 'g', reporting: false, ageMs: 9, terminating: false }] })],
  ];
  for (const [expected, report] of planted) assert.match(words(worriesOfReport(report)), expected);
});

test('an alert may be pending for a moment, and never fires', () => {
  const alert = (state: string) => worriesOfAlerts([{ state, labels: { alertname: 'SluicePodSick', pool: 'p' } }])[0]!;
  assert.equal(alert('firing').allowedMs, 0);
  assert.ok(alert('pending').allowedMs > 0);
  assert.equal(alert('firing').words, 'Prometheus: SluicePodSick of p is firing');
});

test('what the page must not show', () => {
  const shown = (change: Partial<PageLook>): string => words(worriesOfPage({ ...look, ...change }));
  assert.match(shown({ red: ['td.cell.pods.bad: 0 / 1'] }), /cell\.pods\.bad/);
  assert.match(shown({ complaints: ['TypeError'] }), /TypeError/);
  assert.match(shown({ overflowPx: 12 }), /12 px wider/);
  assert.match(shown({ attention: '1 pool needs attention' }), /'1 pool needs attention' over rows/);
  assert.match(shown({ rows: [{ ...look.rows[0]!, level: 'bad' }] }), /'Nothing needs attention' over rows/);
  assert.match(shown({ link: 'lost' }), /the link is lost/);
});

test('lines that warn, and lines that are no log', () => {
  assert.match(worryOfLine('scaler', '{"level":40,"msg":"late"}')!, /log of scaler: .*late/);
  assert.match(worryOfLine('pod', 'Error: at once')!, /log of pod: Error/);
});
