import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lanesFor, startSideBySide, type Lane } from './side-by-side.ts';

test('there are as many lanes as cores, where there are models enough to be worth their memory', () => {
  assert.deepEqual(
    [lanesFor(100, 2), lanesFor(100, 1), lanesFor(8, 4), lanesFor(9, 4), lanesFor(100, 64), lanesFor(0, 2)],
    [2, 1, 1, 2, 4, 1],
  );
});

/** Starts that end when the test says so. */
class Starts {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, (kept: boolean) => void>();

  readonly start = (task: string, { index, alone }: Lane): Promise<boolean> => {
    this.begun.push(`${task} on ${index}${alone ? ' alone' : ''}`);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#ends.set(task, resolve);
    return promise;
  };

  /** Ends a start, and lets what follows from it happen. */
  async end(task: string, kept = true): Promise<void> {
    this.#ends.get(task)!(kept);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('each lane starts one model at a time, in order, and takes the next as it is done', async () => {
  const starts = new Starts();
  const done = startSideBySide(['a', 'b', 'c', 'd'], 2, starts.start);
  assert.deepEqual(starts.begun, ['a on 0', 'b on 1']);
  await starts.end('b');
  assert.deepEqual(starts.begun.slice(2), ['c on 1']);
  await starts.end('c');
  await starts.end('a');
  assert.deepEqual(starts.begun.slice(3), ['d on 1'], 'one of them takes the last');
  await starts.end('d');
  await done;
});

test('a model that needs the process to itself is started again after all others', async () => {
  const starts = new Starts();
  const done = startSideBySide(['a', 'b', 'c'], 2, starts.start);
  await starts.end('a', false);
  await starts.end('b', false);
  assert.deepEqual(starts.begun, ['a on 0', 'b on 1', 'c on 0'], 'not while c is started');
  await starts.end('c');
  assert.deepEqual(starts.begun.slice(3), ['a on 0 alone']);
  await starts.end('a');
  assert.deepEqual(starts.begun.slice(4), ['b on 0 alone'], 'one after another');
  await starts.end('b');
  await done;
});

test('with one lane every model is alone from the beginning', async () => {
  const starts = new Starts();
  const done = startSideBySide(['a'], 1, starts.start);
  assert.deepEqual(starts.begun, ['a on 0 alone']);
  await starts.end('a');
  await done;
});
