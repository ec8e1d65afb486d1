import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { requestIdOf, requestIdsOf, traceparentOf } from './request-ids.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
const messageOf = (headers: Record<string, string | string[]>) => ({ headers }) as unknown as IncomingMessage;

test("a client's ids are taken as they are", () => {
  const message = messageOf({ 'x-request-id': 'a/B_1.2:3+4=-', traceparent });
  assert.deepEqual(requestIdsOf(message), { requestId: 'a/B_1.2:3+4=-', traceId });
  assert.equal(traceparentOf(message), traceparent);
});

test('ids that cannot be passed on count as not sent', () => {
  for (const id of ['', 'a b', 'a\n', 'é', 'x'.repeat(129)]) {
    assert.equal(requestIdOf(messageOf({ 'x-request-id': id })), undefined, id);
  }
  for (const value of ['', 'x', traceparent.toUpperCase(), `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
    assert.equal(traceparentOf(messageOf({ traceparent: value })), undefined, value);
  }
  assert.deepEqual(requestIdsOf(messageOf({})), { requestId: undefined, traceId: undefined });
});
