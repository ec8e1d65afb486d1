import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensors } from '../tensor.ts';
import { CallRunner } from './call-runner.ts';
import type { EndedCall } from './messages.ts';
import { BadInput, type Transform } from './transform.ts';

const value = (number: number): Tensors =>
  new Map([['x', { datatype: 'INT32', shape: [1], data: Int32Array.of(number) }]]);
const numberOf = (tensors: Tensors): number => Number(tensors.get('x')!.data[0]);
const told = ({ id, outcome }: EndedCall): string =>
  `${id} ${outcome.kind} ${outcome.kind === 'converted' ? numberOf(outcome.tensors) : outcome.message}`;

function runner(t: { mock: { timers: { enable(o: { apis: ['setTimeout'] }): void } } }, transform: Partial<Transform>) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sent: string[][] = [];
  const clock = { nowMs: 0 };
  const made = new CallRunner({
    transform: { inputs: [], outputs: [], before: (tensors) => tensors, after: (tensors) => tensors, ...transform },
    folder: '/m',
    timeoutMs: 100,
    send: (ended) => sent.push(ended.map(told)),
    nowMs: () => clock.nowMs,
  });
  const run = (...numbers: number[]) =>
    made.run(
      'before',
      numbers.map((number) => ({ id: number, tensors: value(number) })),
    );
  return { made, run, sent, clock };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('ended calls are sent together, but not held back by slow ones after them', (t) => {
  const { run, sent, clock } = runner(t, {
    before: (tensors) => {
      clock.nowMs += numberOf(tensors);
      return tensors;
    },
  });
  run(1, 2, 1, 4, 1);
  assert.deepEqual(sent, [['1 converted 1', '2 converted 2', '1 converted 1', '4 converted 4'], ['1 converted 1']]);
});

test('each call has the parameters of its request, also together with others', (t) => {
  const seen: unknown[] = [];
  const { made } = runner(t, {
    before: (tensors, parameters) => (seen.push(parameters), tensors),
    afterAll: (requests, parameters) => (seen.push(parameters), requests),
  });
  const calls = [
    { id: 1, tensors: value(1), parameters: { top_k: 3 } },
    { id: 2, tensors: value(2) },
  ];
  made.run('before', calls);
  made.run('after', calls);
  assert.deepEqual(seen, [{ top_k: 3 }, {}, [{ top_k: 3 }, {}]]);
});

test('promises are awaited side by side, each within the limit', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Tensors>();
  const { run, sent } = runner(t, {
    before: (tensors) => {
      const number = numberOf(tensors);
      if (number === 1) return promise;
      return number === 2 ? Promise.reject(new BadInput('2 is bad')) : Promise.resolve(tensors);
    },
  });
  run(1, 2, 3);
  await turn();
  await turn();
  assert.deepEqual(sent.flat(), ['2 refused 2 is bad', '3 converted 3']);
  t.mock.timers.tick(100);
  await turn();
  assert.equal(sent.at(-1)!.join(), '1 failed before took longer than 100 ms (transform.timeoutMs)');
  resolve(value(1));
  await turn();
  await turn();
  assert.equal(sent.flat().length, 3, 'what comes late is dropped');
});

test('beforeAll converts all at once; where it throws, each is tried alone', (t) => {
  const calls: number[] = [];
  const { run, sent } = runner(t, {
    beforeAll: (requests) => {
      calls.push(requests.length);
      const numbers = requests.map(numberOf);
      if (numbers.includes(13)) throw new RangeError('unlucky');
      return requests.map((request) => (numberOf(request) === 14 ? new BadInput('no 14') : request));
    },
  });
  run(1, 14, 3);
  assert.deepEqual(
    [calls.splice(0), sent.splice(0).flat()],
    [[3], ['1 converted 1', '14 refused no 14', '3 converted 3']],
  );
  run(1, 13, 3);
  assert.deepEqual(calls, [3, 1, 1, 1]);
  assert.deepEqual(sent.flat(), ['1 converted 1', '13 failed beforeAll: RangeError: unlucky', '3 converted 3']);
});

test('a list of another length fails all of it', (t) => {
  const { run, sent } = runner(t, { beforeAll: (requests) => requests.slice(1) });
  run(1, 2);
  const failed = 'failed beforeAll must return one result for each of 2 requests, was: 1 results';
  assert.deepEqual(sent.flat(), [`1 ${failed}`, `2 ${failed}`]);
});
