/** The rules as Prometheus' own tool reads them, and each alert in a situation where it must speak and one where it must not. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { alerts } from '../../deploy/monitoring/alerts.ts';
import { promtool, skipWithout } from '../support/prometheus.ts';
import { alertCases, type AlertCase } from './alert-cases.ts';

const rules = fileURLToPath(new URL('../../deploy/components/monitoring/sluice.rules.yaml', import.meta.url));
const skip = skipWithout('promtool');

test('promtool finds no fault with the rules', { skip }, () => {
  const { ok, output } = promtool('check', 'rules', '--lint=all', '--lint-fatal', rules);
  assert.ok(ok, output);
});

test('each alert has a case where it fires, for each severity, and one where it is silent', () => {
  for (const { name, severity } of alerts) {
    const own = alertCases.filter(({ alert }) => alert === name);
    const fires = own.some(({ expected }) => expected.some((one) => one.severity === severity));
    assert.ok(fires, `${name} (${severity}) fires nowhere`);
    assert.ok(
      own.some(({ expected }) => expected.length === 0),
      `${name} is never silent`,
    );
  }
  for (const { alert } of alertCases)
    assert.ok(
      alerts.some(({ name }) => name === alert),
      `no alert ${alert}`,
    );
});

function unitTest({ alert, name, series, at, expected }: AlertCase): object {
  return {
    name: `${alert}: ${name}`,
    interval: '15s',
    input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
    alert_rule_test: [
      {
        eval_time: at,
        alertname: alert,
        exp_alerts: expected.map(({ severity, labels, summary, description }) => ({
          exp_labels: { severity, ...labels },
          exp_annotations: { summary, description, runbook_url: `docs/runbooks/${alert}.md` },
        })),
      },
    ],
  };
}

async function runCases(cases: readonly AlertCase[]): Promise<{ ok: boolean; output: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-rules-'));
  try {
    const file = path.join(folder, 'cases.yaml');
    await writeFile(file, stringify({ rule_files: [rules], evaluation_interval: '30s', tests: cases.map(unitTest) }));
    return promtool('test', 'rules', file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('alerts fire when they must, with what they say, and are silent otherwise', { skip }, async () => {
  const { ok, output } = await runCases(alertCases);
  assert.ok(ok, output);
});

test('a case that is not so is found', { skip }, async () => {
  const fires = alertCases.find(({ expected }) => expected.length > 0)!;
  const { ok } = await runCases([{ ...fires, expected: [] }]);
  assert.ok(!ok, 'an alert that fires passed as silent');
});
