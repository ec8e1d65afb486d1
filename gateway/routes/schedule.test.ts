import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { SluiceError } from '../../contract/errors.ts';
import { arrivingPriority, readSchedule } from './schedule.ts';

const limits = { timeoutMs: 1_000, highestPriority: 3, defaultPriority: 6 };
const of = (headers: IncomingHttpHeaders, head?: object): { timeoutMs: number; priority: number } => {
  const json = Buffer.from(head === undefined ? '' : JSON.stringify(head));
  const length = head === undefined ? {} : { 'inference-header-content-length': String(json.length) };
  return readSchedule({ ...headers, ...length }, [json], limits);
};

test('a request that says nothing has the deadline and the priority of the pool', () => {
  assert.deepEqual(of({}), { timeoutMs: 1_000, priority: 6 });
});

for (const [asked, got] of [
  ['1', 3],
  ['2', 3],
  ['3', 3],
  ['4', 4],
  ['9', 9],
] as const) {
  test(`priority ${asked} where the pool allows 3 is served at ${got}, by header or by parameters`, () => {
    assert.equal(of({ 'sluice-priority': asked }).priority, got);
    assert.equal(of({}, { parameters: { priority: Number(asked) } }).priority, got);
    assert.equal(arrivingPriority({ 'sluice-priority': asked }, limits), got);
  });
}

test('0 in parameters is the default, and what is beyond 9 the last level', () => {
  assert.equal(of({}, { parameters: { priority: 0 } }).priority, 6);
  assert.equal(of({}, { parameters: { priority: 4_000_000_000 } }).priority, 9);
  assert.equal(of({ 'sluice-priority': '8' }, { parameters: { priority: 4 } }).priority, 8);
});

for (const value of ['0', '10', '-1', '1.5', '', 'high', '1, 2']) {
  test(`a priority header of ${JSON.stringify(value)} is a 400 that names it, and gets no room before`, () => {
    assert.throws(
      () => of({ 'sluice-priority': value }),
      (error) => {
        assert.ok(error instanceof SluiceError);
        const message = `header 'sluice-priority' must be a whole number from 1 to 9, was: ${JSON.stringify(value)}`;
        assert.deepEqual([error.status, error.message], [400, message]);
        return true;
      },
    );
    assert.equal(arrivingPriority({ 'sluice-priority': value }, limits), 3);
  });
}
