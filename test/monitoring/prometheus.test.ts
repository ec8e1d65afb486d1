/** Every expression that is shipped, asked of a real Prometheus that scrapes a real system to which much happens. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Prometheus, Series } from '../support/prometheus.ts';
import { skipWithout } from '../support/prometheus.ts';
import {
  alertExpressions,
  annotationExpressions,
  pageExpressions,
  panelExpressions,
  recordings,
  variableExpressions,
  type Expression,
} from './expressions.ts';
import { namespace } from './scraped-system.ts';
import { startStory, type Story } from './story.ts';

const skip = skipWithout('prometheus');

/**
 * Panels whose cause may be over between two scrapes, each with that cause. Their expressions must still return series;
 * those of all other panels must be seen above 0.
 */
const momentary: Readonly<Record<string, string>> = {
  'batching and pods: Isolated retries':
    'two pods are lost with much in flight, and their requests are retried one at a time',
};

/** Expression with Grafana's variables filled in for a scrape each second. The docs use `langid` as the example pool. */
function filled(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5s').replaceAll(/\$\w+/g, '.*').replaceAll('"langid"', '"slow"');
}

/** An alert waits minutes before it speaks; the story has seconds. Only the windows and one limit are smaller: a pod starts in 0.5 s. */
function hastened(expr: string): string {
  return expr.replaceAll(/\[[15]m\]/g, '[10s]').replaceAll('> 60', '> 0.2');
}

/** The most that each series was at any second of the story. */
async function most(prometheus: Prometheus, expr: string): Promise<Series[]> {
  return prometheus.query(`max_over_time((${expr})[30m:1s])`);
}

/** @returns those that never had a number above 0: not only an expression that selects nothing shows nothing */
async function idle(prometheus: Prometheus, expressions: readonly Expression[]): Promise<string[]> {
  const wrong = expressions.map(async ({ where, expr }) => {
    const seen = await most(prometheus, filled(expr));
    const mayBeOver = Object.keys(momentary).some((panel) => where.endsWith(panel));
    if (seen.some(({ value }) => (mayBeOver || value > 0) && value < Infinity)) return [];
    return [`${where}: ${JSON.stringify(seen.map(({ value }) => value))}: ${expr}`];
  });
  return (await Promise.all(wrong)).flat();
}

describe('a real Prometheus', { skip, timeout: 600_000 }, () => {
  let story: Story;
  let prometheus: Prometheus;
  before(async () => {
    story = await startStory();
    ({ prometheus } = story.scraped);
    await story.tell();
  });
  after(() => story[Symbol.asyncDispose]());

  test('scrapes gateway, scaler and pods by the configuration that is shipped, once each', async () => {
    const up = await most(prometheus, 'up');
    const by = (job: string) => up.filter(({ metric }) => metric['job'] === job);
    const own = by('sluice').map(({ metric, value }) => `${metric['namespace']!} ${metric['pod']!} ${value}`);
    assert.deepEqual(own.toSorted(), [`${namespace} sluice-gateway-0 1`, `${namespace} sluice-scaler-0 1`]);
    const pods = by('sluice-pods').map(({ metric }) => metric['pool']);
    for (const pool of ['slow', 'steady', 'cold']) assert.ok(pods.includes(pool), `${pool} of ${pods.join()}`);
    assert.equal(up.length, 2 + pods.length);
    assert.equal(prometheus.warnings(), '');
  });

  test('evaluates all rules', async () => {
    const { groups } = (await prometheus.api('rules')) as {
      groups: { rules: { name: string; health: string; lastError?: string }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    assert.equal(rules.length, recordings.length + alertExpressions.length);
    assert.deepEqual(
      rules.filter(({ health, lastError }) => health !== 'ok' || lastError !== undefined),
      [],
    );
    const recorded = recordings.map(({ record, where }) => ({ where, expr: record }));
    assert.deepEqual(await idle(prometheus, recorded), []);
  });

  for (const [what, expressions] of Object.entries({
    'panels of the dashboards': panelExpressions,
    'their marks': annotationExpressions,
    'their variables': variableExpressions,
    'recording rules': recordings,
    'pages and their examples': pageExpressions,
  }))
    test(`has something to show for all expressions of ${what}`, async () => {
      assert.deepEqual(await idle(prometheus, expressions), []);
    });

  test('finds each alert true at some time', async () => {
    const wrong = await idle(
      prometheus,
      alertExpressions.map(({ where, expr }) => ({ where, expr: hastened(expr) })),
    );
    assert.deepEqual(wrong, []);
  });

  test('tells somebody of what lasts as long as its alert wants, and of nothing that was not so', async () => {
    const firing = await most(prometheus, 'ALERTS{alertstate="firing"}');
    const told = firing.map(({ metric }) => `${metric['alertname']!} ${metric['pool'] ?? ''}`);
    for (const one of ['SluiceAllPodsEjected lost', 'SluicePoisonRequest frail'])
      assert.ok(told.includes(one), `${one}: ${told.join()}`);
    // A slow machine may well have the scaler hold or a queue grow for minutes, and not this.
    for (const one of ['SluiceNoLeader', 'SluiceGatewayMissing', 'SluiceAllPodsEjected steady'])
      assert.ok(!told.some((alert) => alert.startsWith(one)), `${one}: ${told.join()}`);
  });
});
