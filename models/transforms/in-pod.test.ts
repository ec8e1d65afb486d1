import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Tensors } from '../tensor.ts';
import { InPodTransform } from './in-pod.ts';
import type { Outcome } from './messages.ts';

const source = `
import { BadInput } from 'sluice/transform';
const rows = [{ name: 'x', datatype: 'FP32', shape: [-1] }];
export const transform = {
  inputs: rows,
  outputs: rows,
  before(inputs) {
    const [first] = inputs.get('x').data;
    if (first === 1) throw new BadInput('x: must not be 1');
    if (first === 2) throw new TypeError('two');
    return first === 3 ? 'no tensors' : inputs;
  },
  after: async (outputs) => outputs,
};
`;

function load(t: TestContext, text: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-in-pod-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'transform.js');
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(file, text);
  const outcomes = new Map<number, Outcome>();
  const loaded = Promise.withResolvers<string | null>();
  const settled = Promise.withResolvers<undefined>();
  const transform = new InPodTransform(
    file,
    { timeoutMs: 60_000, memoryMiB: 64 },
    {
      onUp: () => loaded.resolve(null),
      onOutcome: (id, outcome) => {
        outcomes.set(id, outcome);
        if (transform.held === 0) settled.resolve(undefined);
      },
      onCpu: () => undefined,
      onEnd: (reason) => loaded.resolve(reason),
      onLine: () => undefined,
    },
  );
  return { transform, outcomes, loaded: loaded.promise, settled: settled.promise };
}

const tensors = (first: number): Tensors =>
  new Map([['x', { datatype: 'FP32', shape: [1], data: Float32Array.of(first) }]]);

test('calls in the pod end as they do in a process, and the package path works in any folder', async (t) => {
  const { transform, outcomes, loaded, settled } = load(t, source);
  assert.equal(await loaded, null);
  transform.send(
    'before',
    [0, 1, 2, 3].map((id) => ({ id, tensors: tensors(id) })),
  );
  await settled;
  assert.deepEqual(outcomes.get(0), { kind: 'converted', tensors: tensors(0) });
  assert.deepEqual(outcomes.get(1), { kind: 'refused', message: 'x: must not be 1' });
  const [two, three] = [outcomes.get(2)!, outcomes.get(3)!];
  assert.ok(
    two.kind === 'failed' && /before: TypeError: two \(transform\.js:10:/.test(two.message),
    JSON.stringify(two),
  );
  assert.equal(three.kind, 'failed');
  assert.equal(transform.held, 0);
});

test('a module that cannot be used is an end with its reason', async (t) => {
  const { transform, loaded } = load(t, 'export const transform = { inputs: 7 };');
  assert.match((await loaded) ?? '', /transform\.before is missing/);
  assert.equal(transform.up, false);
});
