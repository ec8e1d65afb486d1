import assert from 'node:assert/strict';
import { test } from 'node:test';
import { validRetryAfter } from './retry-after.ts';

test('seconds and HTTP dates are passed on as they came', () => {
  for (const value of ['0', '7', '120', '172800', 'Wed, 21 Oct 2026 07:28:00 GMT']) {
    assert.equal(validRetryAfter(value), value);
  }
});

test('anything else is dropped', () => {
  const values = [
    undefined,
    '',
    ' 7',
    '-1',
    '1.5',
    '1e3',
    '7s',
    '12345678901234567890',
    'soon',
    'Wed, 99 Oct 2026 07:28:00 GMT',
    'Wed, 21 Oct 2026 07:28:00 CET',
    '2026-10-21T07:28:00Z',
    '5\r\nset-cookie: a=b',
  ];
  for (const value of values) assert.equal(validRetryAfter(value), undefined, JSON.stringify(value));
});
