import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAnswer, isSummary } from './envelope-heads.ts';

const answer = { index: 0, status: 200, contentType: 'application/json', rows: 1, run: 0 };
const summary = (run: object) => ({ runs: [run], queuedRows: 0, inFlight: 0, draining: false });
const run = { rows: 1, ownRows: 1, queueUs: 0, occupiedUs: 5 };

test('the size of a row is optional in answers and runs', () => {
  assert.ok(isAnswer(answer));
  assert.ok(isAnswer({ ...answer, rowElements: 512 }));
  assert.ok(isSummary(summary(run)));
  assert.ok(isSummary(summary({ ...run, rowElements: 1.5 })));
});

for (const bad of [0, -1, NaN, Infinity, null, '8']) {
  test(`a row of ${String(bad)} elements is garbage`, () => {
    assert.ok(!isAnswer({ ...answer, rowElements: bad }));
    assert.ok(!isSummary(summary({ ...run, rowElements: bad })));
  });
}
