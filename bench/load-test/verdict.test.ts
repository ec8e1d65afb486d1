import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recorder } from './recorder.ts';
import { figuresOf } from './report.ts';
import { Tally } from './tally.ts';
import { verdictOf, verdictWords } from './verdict.ts';

const objective = { latencyMs: 100, percentile: 99 };

for (const [offered, atLeast, atMost, outcome] of [
  [1_000, 990, 1_000, 'kept'],
  [1_000, 989, 990, 'unsure'],
  [1_000, 900, 989, 'missed'],
  // Requests that were refused or never answered count against it.
  [1_000, 0, 0, 'missed'],
  [0, 0, 0, 'missed'],
] as const) {
  test(`${atLeast} to ${atMost} of ${offered} in time: ${outcome}`, () => {
    assert.equal(verdictOf(objective, { offered, atLeast, atMost }).outcome, outcome);
  });
}

test('words round down, and say why nothing can be said', () => {
  assert.equal(
    verdictWords(verdictOf(objective, { offered: 100_000, atLeast: 98_999, atMost: 98_999 })),
    'missed: 98.99% of requests within 100 ms, 99% asked for',
  );
  assert.match(
    verdictWords(verdictOf(objective, { offered: 100, atLeast: 50, atMost: 100 })),
    /50\.00% to 100\.00%.*load generator/,
  );
});

/** A server that answers each request 20 ms after it was sent, beside a generator that is late by its own fault. */
function judged({ sendMs, readMs, serverMs = 20 }: { sendMs: number; readMs: number; serverMs?: number }) {
  const recorder = new Recorder(0, 1_000);
  const tally = new Tally(1_000);
  for (let dueMs = 0; dueMs < 1_000; dueMs += 10) {
    const sentMs = dueMs + sendMs;
    recorder.sent(dueMs, sentMs);
    recorder.ended(dueMs, sentMs, sentMs + serverMs + readMs, 200, { sendMs, readMs });
  }
  tally.add(recorder.take());
  return figuresOf(tally, null, objective);
}

test('what left late is no latency of the server', () => {
  const { latencyMs, lagMs, verdict } = judged({ sendMs: 20_000, readMs: 0 });
  assert.deepEqual([latencyMs.max, lagMs.max, verdict?.outcome], [20, 20_000, 'kept']);
});

test('what was read late is told as such, and never held against the server', () => {
  const { latencyMs, leastLatencyMs, readLateMs, verdict } = judged({ sendMs: 0, readMs: 500 });
  assert.deepEqual([latencyMs.max, leastLatencyMs.max, readLateMs.max, verdict?.outcome], [520, 20, 500, 'unsure']);
});

test('a slow server misses, whatever the generator was late', () => {
  assert.equal(judged({ sendMs: 500, readMs: 50, serverMs: 200 }).verdict?.outcome, 'missed');
});
