import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestLog } from './request-log.ts';

test('each request counts once, from its intended send time', () => {
  const log = new RequestLog(10_000, 1_000, 900);
  log.ended(10_000, 10_500, 10_900, 200);
  log.ended(10_100, 10_100, 11_001, 200);
  log.ended(10_200, 10_200, 10_201, 503);
  log.ended(10_300, 10_300, 40_300, 504);
  log.ended(10_400, 10_400, 10_401, 'connection closed');
  log.unsent(10_500);
  const { answered, late, shed, failed, missedAtMs, endings } = log;
  assert.deepEqual({ answered, late, shed, failed }, { answered: 2, late: 1, shed: 1, failed: 3 });
  assert.deepEqual(missedAtMs, [100, 200, 300, 400, 500]);
  assert.deepEqual(endings, { 200: 2, 503: 1, 504: 1, 'connection closed': 1, 'not sent': 1 });
});
