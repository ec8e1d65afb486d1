import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstConcurrency, learnConcurrency, type Concurrency } from './concurrency.ts';

interface Server {
  /** Requests that the server runs together. */
  readonly batch: number;
  /** Milliseconds per run, by its requests. */
  readonly runMs: (requests: number) => number;
}

/** Keeps the server at the limit for `lastsMs`; requests that it does not run yet wait there. */
function saturate(state: Concurrency, server: Server, forMs: number): Concurrency {
  let learned = state;
  const waiting: number[] = [];
  let inFlight = 0;
  for (let nowMs = 0; nowMs < forMs;) {
    for (; inFlight < Math.floor(learned.limit); inFlight += 1) waiting.push(nowMs);
    const run = waiting.splice(0, server.batch);
    nowMs += server.runMs(run.length);
    for (const sinceMs of run) {
      learned = learnConcurrency(learned, nowMs - sinceMs, inFlight);
      inFlight -= 1;
    }
  }
  return learned;
}

const oneByOne: Server = { batch: 1, runMs: () => 5 };
const batching: Server = { batch: 16, runMs: (requests) => 5 + 0.5 * requests };

test('a server that batches is kept in full batches', () => {
  const { limit } = saturate(firstConcurrency, batching, 60_000);
  assert.ok(limit >= 32 && limit < 100, `${limit}`);
});

test('a server that runs one by one is given a few, however long the rush lasts', () => {
  const { limit } = saturate(firstConcurrency, oneByOne, 600_000);
  assert.ok(limit >= 2 && limit < 10, `${limit}`);
});

test('a server that gets ten times slower is held back at first, and believed in the end', () => {
  const before = saturate(firstConcurrency, batching, 60_000);
  const slower: Server = { ...batching, runMs: (requests) => 10 * batching.runMs(requests) };
  const held = saturate(before, slower, 2_000);
  assert.ok(held.limit < before.limit, `${held.limit}`);
  const { limit } = saturate(before, slower, 300_000);
  assert.ok(limit >= 16, `${limit}`);
});

test('a limit that is not used up says nothing, and does not grow', () => {
  let state = firstConcurrency;
  for (let answer = 0; answer < 1_000; answer += 1) state = learnConcurrency(state, 5, 1);
  assert.equal(state.limit, firstConcurrency.limit);
});

test('the limit stays between two and 1,024', () => {
  let state = firstConcurrency;
  for (let answer = 0; answer < 1e6; answer += 1) state = learnConcurrency(state, 5, 2_000);
  assert.equal(state.limit, 1024);
  state = learnConcurrency(state, 0.01, 5);
  for (let answer = 0; answer < 10_000; answer += 1) state = learnConcurrency(state, 1e6, 5);
  assert.equal(state.limit, 2);
});
