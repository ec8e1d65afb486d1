import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page, textTable, type Validated } from './report.ts';
import type { RealReplay, Replay } from './setup.ts';
import { compareReplays } from './verdict.ts';

function validatedWith(own: Partial<Replay>): Validated {
  const replay: Replay = {
    offered: 120,
    late: 3,
    shed: 3,
    failed: 0,
    podSeconds: 120,
    mostPods: 2,
    scaleWrites: 0,
    meanBatch: 1.5,
    steps: [{ atMs: -1, pods: 2 }],
    missedAtMs: [1_000, 40_000],
  };
  const real: RealReplay = {
    ...replay,
    trace: 'even',
    fromMs: 90_000,
    lengthMs: 60_000,
    seed: 1,
    peakPods: 2,
    machine: 'a machine',
    arrivalsMs: Array.from({ length: 120 }, (_, index) => 500 * index),
    initialReplicas: 2,
    leadMs: 0,
    firstStartsMs: [],
    startsMs: [],
    cost: { a: 80, c: 80 },
    lagP99Ms: 0,
    endings: {},
    writes: [],
  };
  const simulated = [{ ...replay, ...own }];
  return { real, simulated, rows: compareReplays(real, simulated) };
}

test('a page says how many replays agree, their totals, and what happened in each half minute', () => {
  const text = page([validatedWith({ podSeconds: 130 }), validatedWith({ podSeconds: 100, late: 0 })], 'npm run it');
  assert.match(text, /agrees with what ran on 1 of 2 stretches/);
  assert.match(
    text,
    /5\.00% were late, shed or failed, and 3\.75% in the simulations; 240 pod-seconds ran, and 230 were/,
  );
  assert.match(text, /## even, 1 minutes from minute 1\.5 on, at most 2 pods busy, seed 1/);
  assert.match(text, /\| 30–60 \| 2 \| 2 \| 2 \| 1 \| 1 \|/);
  assert.match(text, /\| pod-seconds \| 120 \| 100 \| -16\.7% \| ±10% \| no \|/);
});

test('a terminal gets the same rows in columns', () => {
  const lines = textTable(validatedWith({}).rows).split('\n');
  assert.match(lines[1]!, /^late +2\.50% +2\.50% +0\.00 points +±1 point +yes$/);
});
