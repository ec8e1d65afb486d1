import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { integerBounds, makeWorkload, type InputPlan } from './inputs.ts';

const plan: InputPlan = {
  model: 'my model',
  version: null,
  protocol: 'oip',
  body: 'json',
  inputs: [
    { name: 'pixels', datatype: 'FP32', shape: [-1, 2] },
    { name: 'text', datatype: 'BYTES', shape: [-1] },
    { name: 'ids', datatype: 'INT64', shape: [-1, 1] },
  ],
  rows: 3,
  shapes: {},
  bodies: 2,
  seed: 1,
  integersBelow: 10,
};

interface Parsed {
  inputs: { name: string; datatype: string; shape: number[]; data: unknown[]; parameters: Record<string, number> }[];
}

describe('bodies', () => {
  test('JSON: values of each datatype, of all rows', () => {
    const { path, headers, bodies } = makeWorkload(plan);
    assert.equal(path, '/v2/models/my%20model/infer');
    assert.deepEqual(headers, { 'content-type': 'application/json' });
    const { inputs } = JSON.parse(bodies[0]!.toString()) as Parsed;
    assert.deepEqual(
      inputs.map(({ name, shape, data }) => [name, shape, data.length, typeof data[0]]),
      [
        ['pixels', [3, 2], 6, 'number'],
        ['text', [3], 3, 'string'],
        ['ids', [3, 1], 3, 'number'],
      ],
    );
    assert.ok((inputs[2]!.data as number[]).every(Number.isInteger));
  });

  test('whole numbers stay below their bound, and the first body has the largest', () => {
    for (const integersBelow of integerBounds) {
      const { bodies } = makeWorkload({ ...plan, integersBelow, bodies: 20 });
      const ids = bodies.map((body) => (JSON.parse(body.toString()) as Parsed).inputs[2]!.data as number[]);
      assert.equal(ids[0]![0], integersBelow - 1);
      assert.equal(Math.max(...ids.flat()), integersBelow - 1);
      assert.equal(Math.min(...ids.flat()), 0);
    }
  });

  test('binary: the same values, behind a JSON head of the length that the header says for every body', () => {
    const json = makeWorkload(plan);
    const { headers, bodies } = makeWorkload({ ...plan, body: 'binary' });
    const length = Number(headers['inference-header-content-length']);
    for (const [index, body] of bodies.entries()) {
      const { inputs } = JSON.parse(body.subarray(0, length).toString()) as Parsed;
      const expected = (JSON.parse(json.bodies[index]!.toString()) as Parsed).inputs;
      const sizes = inputs.map(({ parameters }) => parameters['binary_data_size']!);
      assert.equal(body.length, length + sizes.reduce((sum, size) => sum + size, 0));
      const pixels = Array.from({ length: 6 }, (_, at) => body.readFloatLE(length + 4 * at));
      assert.deepEqual(pixels, expected[0]!.data);
      const textAt = length + sizes[0]!;
      const first = expected[1]!.data[0] as string;
      assert.equal(body.readUInt32LE(textAt), first.length);
      assert.equal(body.subarray(textAt + 4, textAt + 4 + first.length).toString(), first);
      assert.equal(Number(body.readBigInt64LE(textAt + sizes[1]!)), expected[2]!.data[0]);
    }
  });

  test('V1: an instance for each row, with the names of several inputs; versions in the path', () => {
    const several = makeWorkload({ ...plan, protocol: 'v1', version: '2' });
    assert.equal(several.path, '/v1/models/my%20model/versions/2:predict');
    const { instances } = JSON.parse(several.bodies[0]!.toString()) as { instances: Record<string, unknown>[] };
    assert.deepEqual([instances.length, Object.keys(instances[0]!)], [3, ['pixels', 'text', 'ids']]);
    const inputs = [{ name: 'x', datatype: 'FP64', shape: [-1, 2, 2] }] as const;
    const one = makeWorkload({ ...plan, protocol: 'v1', inputs, rows: 1 });
    const nested = JSON.parse(one.bodies[0]!.toString()) as { instances: number[][][] };
    assert.deepEqual(
      [nested.instances.length, nested.instances[0]!.length, nested.instances[0]![1]!.length],
      [1, 2, 2],
    );
  });

  test('the same seed makes the same bytes, another seed other bytes', () => {
    assert.deepEqual(makeWorkload(plan), makeWorkload(plan));
    assert.notDeepEqual(makeWorkload(plan).bodies, makeWorkload({ ...plan, seed: 2 }).bodies);
  });
});
