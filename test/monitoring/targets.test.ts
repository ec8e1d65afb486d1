/** A real Prometheus that asks a scaler whom to scrape, as docs/monitoring.md configures it for one machine. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { skipWithout, startPrometheus, type Prometheus } from '../support/prometheus.ts';
import { eventually } from '../support/scaling.ts';
import { startSystem, type System } from '../support/system.ts';

const page = fileURLToPath(new URL('../../docs/monitoring.md', import.meta.url));

/** The configuration of the page, with the scaler of the test, and in a hurry. */
function configuration(scaler: string): object {
  const text = /```yaml\n(# prometheus.yaml\n.*?)```/s.exec(readFileSync(page, 'utf8'))![1]!;
  const config = parse(text.replaceAll('http://127.0.0.1:8082', scaler).replaceAll(/: \d+s/g, ': 1s')) as object;
  return { ...config, rule_files: [] };
}

describe('service discovery', { skip: skipWithout('prometheus'), timeout: 240_000 }, () => {
  let system: System;
  let prometheus: Prometheus;
  before(async () => {
    system = await startSystem(['--models', 'simple']);
    prometheus = await startPrometheus(() => configuration(system.scalerOrigin));
  });
  after(async () => {
    await prometheus.stop();
    await system.stop();
  });

  const scraped = async () =>
    (await prometheus.query('up == 1')).map(({ metric }) => `${metric['job']!} ${metric['pool'] ?? '-'}`).toSorted();
  const all = ['sluice -', 'sluice -', 'sluice-pods default'];

  test('gateway, scaler and pod are found, with the labels of the rules', async () => {
    const found = await eventually('all are scraped', scraped, (series) => series.length === all.length, 60_000);
    assert.deepEqual(found, all);
    const [pod] = await prometheus.query('sluice_pod_ready{pool="default"}');
    assert.match(pod!.metric['pod']!, /^default-/);
  });

  test('the next process of a pod is found at its own port', async () => {
    const before = await prometheus.query('up{job="sluice-pods"}');
    const [pid] = system.podPids();
    process.kill(pid!, 'SIGKILL');
    const [now] = await eventually(
      'the next one is scraped, and only that',
      () => prometheus.query('up{job="sluice-pods"} == 1'),
      (series) => series.length === 1 && series[0]!.metric['instance'] !== before[0]!.metric['instance'],
      60_000,
    );
    assert.equal(now!.metric['pod'], before[0]!.metric['pod']);
    assert.equal(prometheus.warnings(), '');
  });
});
