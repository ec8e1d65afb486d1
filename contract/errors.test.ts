import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { errorBody, errorTable, quote, SluiceError, type ErrorCode } from './errors.ts';

const rows = Object.entries(errorTable) as [ErrorCode, (typeof errorTable)[ErrorCode]][];

test('every row has an error status, a retryable flag and a sentence', () => {
  for (const [code, row] of rows) {
    assert.match(code, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(Number.isInteger(row.status) && row.status >= 400 && row.status <= 599, `${code}: ${row.status}`);
    assert.equal(typeof row.retryable, 'boolean', code);
    assert.match(row.meaning, /^[A-Z].+\.$/, code);
  }
});

test('client errors are never retryable, capacity errors always are', () => {
  for (const [code, { status, retryable }] of rows) {
    // A body that came too slowly may come faster (RFC 9110, 15.5.9).
    if (status < 500) assert.equal(retryable, status === 408, code);
    if (status === 503 || status === 504) assert.equal(retryable, true, code);
  }
});

test('an error takes its status from the table and keeps its cause', () => {
  for (const [code, row] of rows) assert.equal(new SluiceError(code, 'x').status, row.status);
  const cause = new Error('socket hang up');
  const error = new SluiceError('pod-failed', 'no answer', { cause, retryAfterSeconds: 3 });
  assert.deepEqual(
    [error.code, error.message, error.cause, error.retryAfterSeconds, error.name],
    ['pod-failed', 'no answer', cause, 3, 'SluiceError'],
  );
  assert.equal('cause' in new SluiceError('busy', 'x'), false);
});

test('an error body is JSON whatever the message', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (message) => {
      assert.deepEqual(JSON.parse(errorBody(message).toString()), { error: message });
    }),
  );
});

test('a quoted value is one short line', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: false }), (value) => {
      const quoted = quote(value);
      assert.ok(quoted.length <= 80 && !quoted.includes('\n'), quoted);
    }),
  );
  assert.equal(quote(undefined), 'undefined');
  assert.equal(quote('a"b'), '"a\\"b"');
  assert.equal(quote(2n ** 64n), '18446744073709551616');
  assert.equal(quote('x'.repeat(100)), `"${'x'.repeat(76)}...`);
});
