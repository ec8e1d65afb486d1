import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartBudget } from '../proof/budget.ts';
import type { RunOutcome } from '../session/session-thread.ts';
import type { Tensor, Tensors } from '../tensor.ts';
import { VerdictStore } from '../verdicts/verdict-store.ts';
import { decideBatching } from './batching.ts';
import type { FileSignature } from './signature.ts';

/** `x` FP32 [n, 2] → `y` FP32 [n, 2]. */
const file: FileSignature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2], axisNames: ['n', null] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2], axisNames: ['n', null] }],
};
const noLine = (): never => {
  throw new Error('nothing is kept here');
};
const axesNamed = { inputs: { x: { batchAxis: 0 } }, outputs: { y: { batchAxis: 0 } } };

async function warningOf(model: (x: Float32Array) => Float32Array): Promise<string | null> {
  const runAtStart = (_target: unknown, [inputs]: readonly Tensors[]): Promise<RunOutcome> => {
    const x = inputs!.get('x') as Tensor;
    const outputs = new Map([['y', { ...x, data: model(x.data as Float32Array) }]]);
    return Promise.resolve({ kind: 'ran', outputs, runUs: 1, cpuUs: 1 });
  };
  const budget = new StartBudget({ cpuMs: 1_000, bytes: 2 ** 28 }, () => 0);
  const batching = await decideBatching(
    { path: 'none.onnx', label: 'm 1', session: 0, signature: file, runtime: '1 cpu' },
    axesNamed,
    {
      host: { runAtStart },
      budget,
      maxRows: 8,
      samples: [],
      verdicts: new VerdictStore({ reads: [], writes: null, log: { info: noLine, warn: noLine } }),
    },
  );
  assert.equal(batching.unbatchedReason, null, 'a person who names the axes is obeyed');
  return batching.warning;
}

test('named axes that the proof confirms need no word', async () => {
  assert.equal(await warningOf((x) => x.map((value) => 2 * value)), null);
});

test('named axes that the proof contradicts are warned of', async () => {
  const sum = (x: Float32Array): number => x.reduce((total, value) => total + (Number.isFinite(value) ? value : 0), 0);
  const warning = await warningOf((x) => x.map((value) => value + sum(x)));
  assert.match(warning!, /^batchAxis is obeyed, and outputs change with companions/);
});

test('named axes that the proof can say nothing of are warned of too', async () => {
  const warning = await warningOf((x) => x.map(() => 1));
  assert.match(warning!, /^batchAxis is obeyed unproven: its outputs were the same for all inputs that were tried/);
});
