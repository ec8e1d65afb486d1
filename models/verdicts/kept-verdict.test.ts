import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../proof/prove.ts';
import type { FileSignature } from '../repository/signature.ts';
import type { Tensor } from '../tensor.ts';
import { decodeVerdict, encodeVerdict, KeptVerdictError } from './kept-verdict.ts';

const file: FileSignature = {
  inputs: [{ name: 'ids', datatype: 'INT64', shape: [-1, -1], axisNames: ['n', 't'] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1], axisNames: ['n'] }],
};
const about = { key: 'k'.repeat(64), model: 'm 1', cpu: 'x64 abc' };
const ids: Tensor = { datatype: 'INT64', shape: [1, 7], data: BigInt64Array.of(0n, 3n, 9n, 1n, 1n, 2n, 0n) };
const independent = {
  kind: 'independent',
  signature: {
    inputs: [{ name: 'ids', datatype: 'INT64', shape: [-1, -1], batchAxis: 0 }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1], batchAxis: 0 }],
  },
  largestDifference: 1.2e-7,
  trials: 8,
  sample: new Map([['ids', ids]]),
} as const satisfies Verdict;

test('a verdict is read as it was written, with a sample like its own', () => {
  const { verdict, cpu } = decodeVerdict(encodeVerdict(independent, about)!, about.key, file);
  assert.equal(cpu, about.cpu);
  assert.deepEqual({ ...verdict, sample: null }, { ...independent, sample: null });
  const like = verdict.sample!.get('ids')!;
  assert.deepEqual([like.datatype, like.shape], ['INT64', [1, 7]]);
  for (const id of like.data as BigInt64Array) assert.ok(id >= 0n && id < 10n);
});

test('a refusal is kept with its reason, and what is not proven is not kept', () => {
  const dependent = { kind: 'dependent', reason: 'outputs change with companions', sample: null } as const;
  assert.deepEqual(decodeVerdict(encodeVerdict(dependent, about)!, about.key, file).verdict, dependent);
  assert.equal(encodeVerdict({ kind: 'unproven', reason: 'not within 1000 ms', sample: null }, about), null);
});

test('a file that is cut, changed, or of something else is refused', () => {
  const text = encodeVerdict(independent, about)!;
  for (const [broken, reason] of [
    ['', /not JSON/],
    ['null', /not a verdict/],
    [text.slice(0, 200), /not JSON/],
    [text.replace('"independent"', '"dependent"'), /not a verdict/],
    [text.replace('"batchAxis": 0', '"batchAxis": 1'), /checksum/],
    [text.replace('"format": 1', '"format": 2'), /not a verdict of this version/],
  ] as const) {
    assert.throws(
      () => decodeVerdict(broken, about.key, file),
      (error) => error instanceof KeptVerdictError && reason.test(error.message),
      broken,
    );
  }
  assert.throws(() => decodeVerdict(text, 'other', file), /of something else/);
});
