import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTraceparent, parseTraceparent, traceIdOf } from './traceparent.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

test('a valid header is parsed, and formatted in version 00', () => {
  const parsed = parseTraceparent(`00-${traceId}-${spanId}-01`);
  assert.deepEqual(parsed, { traceId, spanId, flags: 1 });
  assert.equal(formatTraceparent(parsed), `00-${traceId}-${spanId}-01`);
  assert.equal(traceIdOf(`00-${traceId}-${spanId}-00`), traceId);
});

test('a later version may append fields', () => {
  const parsed = parseTraceparent(`01-${traceId}-${spanId}-09-more`);
  assert.equal(formatTraceparent(parsed!), `00-${traceId}-${spanId}-09`);
});

test('an invalid header is ignored', () => {
  for (const value of [
    undefined,
    '',
    't',
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01-more`,
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-01\n`,
    `01-${traceId}-${spanId}-01-${'x'.repeat(1000)}`,
  ]) {
    assert.equal(parseTraceparent(value), null, value);
    assert.equal(traceIdOf(value), undefined);
  }
});
