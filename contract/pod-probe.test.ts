import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPodProbe } from './pod-probe.ts';
import type { PodStatus } from './pod-status.ts';

const status: PodStatus = { uid: 'u', state: 'draining', inFlight: 2, queuedRows: 0, models: [] };

test('a status is read, whatever state it names', () => {
  assert.deepEqual(readPodProbe(200, JSON.stringify(status)), { kind: 'status', status });
});

test('404 is a server of others', () => {
  assert.deepEqual(readPodProbe(404, '{"error":"no such path"}'), { kind: 'foreign' });
});

test('anything else is a failure that names the answer', () => {
  const answers = [
    [200, ''],
    [200, 'ready'],
    [200, 'null'],
    [200, JSON.stringify({ ...status, state: 'well' })],
    [200, JSON.stringify({ ...status, inFlight: undefined })],
    [500, JSON.stringify(status)],
    [503, '{"error":"loading"}'],
  ] as const;
  for (const [code, body] of answers) {
    const detail = `/v2/pod answered ${code} and no status`;
    assert.deepEqual(readPodProbe(code, body), { kind: 'failed', detail }, body);
  }
});
