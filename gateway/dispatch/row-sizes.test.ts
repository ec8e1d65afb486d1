/** Batches of requests whose rows vary in length: how much work goes to a pod at once. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { mediaTypes } from '../../contract/headers.ts';
import { virtualPool, type Submitted } from '../testing/virtual-pool.ts';

/** Milliseconds of a run: 20 fixed, and 0.25 a token, so that a row of 512 takes 64 times as long as one of 8. */
const runMs = (rows: number, tokens: number): number => 20 + 0.25 * rows * tokens;

const lengths = [8, 16, 32, 64, 128, 256, 512];

/** A pool of one idle pod whose gateway has learned texts of 8 to 512 tokens. */
function taught(t: TestContext, spec: Record<string, unknown> = {}) {
  const warmup = [1, 2, 4, 8, 16, 32, 64].map((rows) => ({
    rows,
    occupiedUs: 1_000 * runMs(rows, 64),
    rowElements: 64,
  }));
  const virtual = virtualPool(t, { pods: { a: ['m'] }, prepare: (pod) => void (pod.warmup = warmup), spec });
  const submit = (id: string, tokens: number, timeoutMs = 10_000): Submitted =>
    virtual.submit(id, { bytes: 8 * tokens, contentType: mediaTypes.binary, timeoutMs });
  for (const tokens of lengths) {
    const id = `taught ${tokens}`;
    submit(id, tokens);
    virtual.pass(runMs(1, tokens));
    const run = { rows: 1, ownRows: 1, queueUs: 0, occupiedUs: 1_000 * runMs(1, tokens), rowElements: tokens };
    virtual.callWith(id).answer(0, { rowElements: tokens });
    virtual.callWith(id).end({ runs: [run] });
    virtual.pass();
  }
  return { ...virtual, submit };
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index + 1}`);

test('each length of a batch is a run, which counts against the first deadline', (t) => {
  const { submit, pass, sent } = taught(t);
  // 20 ms a run and a little: seven of ten lengths end within 168 ms.
  for (const [index, id] of ids(10).entries()) submit(id, 8 + index / 8, index === 0 ? 170 : 10_000);
  pass();
  assert.deepEqual(sent()[0], `a: ${ids(7).join()}`);
});

test('texts of one length are one run', (t) => {
  const { submit, pass, sent } = taught(t);
  for (const [index, id] of ids(10).entries()) submit(id, 8, index === 0 ? 170 : 10_000);
  pass();
  assert.deepEqual(sent(), [`a: ${ids(10).join()}`]);
});

test('texts whose runs would end after the objective are refused, those that share a run are not', (t) => {
  const refused = (tokensOf: (index: number) => number): number => {
    const { submit } = taught(t, { objective: { latencyMs: 150 } });
    return ids(20).filter((id, index) => submit(id, tokensOf(index)).outcome?.startsWith('503') === true).length;
  };
  assert.equal(
    refused(() => 8),
    0,
  );
  assert.ok(refused((index) => 8 + index / 8) > 5);
});

test('a batch is staged behind one that runs once it is as much work, however many rows', (t) => {
  const { submit, pass, sent } = taught(t);
  submit('long', 512);
  pass();
  for (const id of ids(40)) submit(id, 8);
  pass();
  assert.deepEqual(sent(), ['a: long']);
  submit('second', 512);
  pass();
  assert.equal(sent().length, 2);
});

test('a batch has no more rows than a run, however short they are', (t) => {
  const { submit, pass, sent } = taught(t, { batching: { maxRows: 4 } });
  for (const id of ids(6)) submit(id, 8);
  for (const id of ['a', 'b', 'c']) submit(id, 512);
  pass();
  assert.deepEqual(sent()[0], `a: ${ids(4).join()}`);
});

test('a long text is refused where it would make the short ones late that wait, and only there', (t) => {
  const arrival = (running: number, tokens: number): string | undefined => {
    const { submit, pass } = taught(t, { objective: { latencyMs: 300 } });
    submit('running', running);
    pass();
    for (const id of ids(4)) submit(id, 8);
    pass(100);
    return submit('long', tokens).outcome;
  };
  // After 195 ms come 28 ms for the short ones, and 120 for the long one: it would be in time, the short ones would not.
  assert.equal(arrival(700, 400), '503 overloaded');
  // 148, 28 and 84 ms.
  assert.equal(arrival(512, 256), undefined);
});
