import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Datatype } from '../../contract/datatypes.ts';
import { SluiceError, type ErrorCode } from '../../contract/errors.ts';
import type { Signature, Tensor, Tensors, TensorSignature } from '../tensor.ts';
import type { RequestBody } from './call.ts';
import { applyEdits, datatypes, edits, plain, shape, tensor } from './tensors.fixture.ts';
import { parsePredictRequest, renderPredictResponse } from './v1.ts';

const spec = (name: string, datatype: Datatype, dims: number[], batchAxis: number | null = 0): TensorSignature => ({
  name,
  datatype,
  shape: dims,
  batchAxis,
});
const langid: Signature = {
  inputs: [spec('text', 'BYTES', [-1])],
  outputs: [spec('label', 'BYTES', [-1]), spec('score', 'FP32', [-1])],
};
const features: Signature = {
  inputs: [spec('features', 'FP32', [-1, 3])],
  outputs: [spec('probabilities', 'FP32', [-1, 2])],
};
const sum: Signature = {
  inputs: [spec('a', 'INT64', [-1, 2]), spec('b', 'INT64', [-1, 2])],
  outputs: [spec('sum', 'INT64', [-1, 2])],
};

const json = (value: unknown): RequestBody => ({
  body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  contentType: undefined,
  inferenceHeaderLength: undefined,
});
const parse = (value: unknown, ...surfaces: Signature[]) => parsePredictRequest(json(value), surfaces);
const answer = (value: unknown, surface: Signature, outputs: Record<string, Tensor>): string =>
  Buffer.concat(renderPredictResponse(parse(value, surface), new Map(Object.entries(outputs))).body).toString();
const float32 = (dims: number[], ...values: number[]): Tensor => ({
  datatype: 'FP32',
  shape: dims,
  data: Float32Array.from(values),
});

function refuses(value: unknown, surfaces: Signature[], code: ErrorCode, message: RegExp): void {
  assert.throws(
    () => parse(value, ...surfaces),
    (error) => {
      assert.ok(error instanceof SluiceError, String(error));
      assert.match(error.message, message);
      assert.equal(error.code, code);
      return true;
    },
  );
}

test('a sentence in, a language out', () => {
  const call = parse('{"instances": ["Bonjour", "tout le monde\\u0021"]}', langid, features);
  assert.equal(call.surface, 0);
  assert.equal(call.rows, 2);
  assert.deepEqual((call.inputs.get('text')!.data as Uint8Array[]).map(String), ['Bonjour', 'tout le monde!']);
  const label: Tensor = { datatype: 'BYTES', shape: [2], data: [Buffer.from('fra'), Buffer.from('fra')] };
  const outputs: Tensors = new Map([
    ['label', label],
    ['score', float32([2], 0.97, 0.5)],
  ]);
  assert.equal(
    Buffer.concat(renderPredictResponse(call, outputs).body).toString(),
    '{"predictions":[{"label":"fra","score":0.97},{"label":"fra","score":0.5}]}',
  );
});

test('rows of one input, named or not', () => {
  for (const instances of [
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    [{ features: [1, 2, 3] }, { features: [4, 5, 6] }],
  ]) {
    const call = parse({ instances, signature_name: 'serving_default' }, features);
    assert.deepEqual(plain(call.inputs.get('features')!), plain(float32([2, 3], 1, 2, 3, 4, 5, 6)));
  }
  assert.equal(
    answer({ instances: [[1, 2, 3]] }, features, { probabilities: float32([1, 2], 0.25, Number.NaN) }),
    '{"predictions":[[0.25,null]]}',
  );
});

test('objects whose keys another surface has skip the transform', () => {
  const call = parse({ instances: [{ features: [1, 2, 3] }] }, langid, features);
  assert.equal(call.surface, 1);
  assert.deepEqual(
    call.outputs.map(({ name }) => name),
    ['probabilities'],
  );
});

test('several inputs come by name, and keep all digits', () => {
  const call = parse('{"instances":[{"a":[9007199254740993,1],"b":[2,3]},{"b":[4,5],"a":[6,7]}]}', sum);
  assert.deepEqual(call.inputs.get('a')!.data, BigInt64Array.of(9007199254740993n, 1n, 6n, 7n));
  assert.deepEqual(call.inputs.get('b')!.data, BigInt64Array.of(2n, 3n, 4n, 5n));
});

test('inputs by column, answered by column', () => {
  const named = parse({ inputs: { a: [[1, 2]], b: [[3, 4]] } }, sum);
  assert.equal(named.rows, 1);
  const rows = [
    [1, 2, 3],
    [4, 5, 6],
  ];
  assert.deepEqual(parse({ inputs: rows }, features).inputs.get('features')!.shape, [2, 3]);
  const probabilities = float32([2, 2], 1, 2, 3, 4);
  assert.equal(answer({ inputs: rows }, features, { probabilities }), '{"outputs":[[1.0,2.0],[3.0,4.0]]}');
  const label: Tensor = { datatype: 'BYTES', shape: [1], data: [Buffer.from('fra')] };
  assert.equal(
    answer({ inputs: { text: ['a'] } }, langid, { label, score: float32([1], 0.5) }),
    '{"outputs":{"label":["fra"],"score":[0.5]}}',
  );
});

test('bytes that are no text travel as base64', () => {
  const read = (value: unknown) =>
    (parse(value, langid).inputs.get('text')!.data as Uint8Array[]).map((bytes) => [...bytes]);
  assert.deepEqual(read({ instances: [{ b64: '/wA=' }, 'a', { b64: '/wA' }] }), [[255, 0], [97], [255, 0]]);
  assert.deepEqual(read({ instances: [{ text: { b64: '/wA=' } }] }), [[255, 0]]);
  assert.deepEqual(read({ inputs: [{ b64: '/wA=' }] }), [[255, 0]]);
  const label: Tensor = { datatype: 'BYTES', shape: [1], data: [Uint8Array.of(255)] };
  assert.equal(
    answer({ instances: ['a'] }, langid, { label, score: float32([1], 1) }),
    '{"predictions":[{"label":{"b64":"/w=="},"score":1.0}]}',
  );
  const b64 = { ...langid, inputs: [spec('b64', 'BYTES', [-1])] };
  assert.equal(String(parse({ instances: [{ b64: 'AAAA' }] }, b64).inputs.get('b64')!.data[0]), 'AAAA');
});

test('an unbatchable model takes one instance, the whole tensor, and gives one prediction', () => {
  const fixed: Signature = {
    inputs: [spec('x', 'FP32', [2, 2], null)],
    outputs: [spec('y', 'FP32', [2], null)],
  };
  const call = parse(
    {
      instances: [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    },
    fixed,
  );
  assert.equal(call.rows, 1);
  assert.deepEqual(plain(call.inputs.get('x')!), plain(float32([2, 2], 1, 2, 3, 4)));
  assert.equal(
    answer(
      {
        instances: [
          [
            [1, 2],
            [3, 4],
          ],
        ],
      },
      fixed,
      { y: float32([2], 5, 6) },
    ),
    '{"predictions":[[5.0,6.0]]}',
  );
  refuses(
    {
      instances: [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [1, 2],
          [3, 4],
        ],
      ],
    },
    [fixed],
    'invalid-request',
    /there must be one instance, .* was: 2 instances/,
  );
});

test('rows along another axis, and an input that they share', () => {
  const odd: Signature = {
    inputs: [spec('x', 'FP32', [2, -1], 1), spec('scale', 'FP32', [1], null)],
    outputs: [spec('y', 'FP32', [2, -1], 1), spec('norm', 'FP32', [], null)],
  };
  const instances = [
    { x: [1, 2], scale: [7] },
    { x: [3, 4], scale: [7] },
    { x: [5, 6], scale: [7] },
  ];
  const call = parse({ instances }, odd);
  assert.equal(call.rows, 3);
  assert.deepEqual(plain(call.inputs.get('x')!), plain(float32([2, 3], 1, 3, 5, 2, 4, 6)));
  assert.deepEqual(plain(call.inputs.get('scale')!), plain(float32([1], 7)));
  assert.equal(
    answer({ instances }, odd, { y: float32([2, 3], 1, 3, 5, 2, 4, 6), norm: float32([], 9) }),
    '{"predictions":[{"y":[1.0,2.0],"norm":9.0},{"y":[3.0,4.0],"norm":9.0},{"y":[5.0,6.0],"norm":9.0}]}',
  );
  refuses(
    {
      instances: [
        { x: [1, 2], scale: [7] },
        { x: [1, 2], scale: [8] },
      ],
    },
    [odd],
    'invalid-request',
    /'scale' is shared by all rows/,
  );
});

const wrong: readonly (readonly [string, unknown, Signature[], ErrorCode, RegExp])[] = [
  ['an empty body', '', [langid], 'invalid-json', /the body is empty/],
  ['no object', '"x"', [langid], 'invalid-request', /the body must be a JSON object, was: "x"/],
  ['neither instances nor inputs', {}, [langid], 'invalid-request', /instances: is missing/],
  ['both', { instances: ['a'], inputs: ['a'] }, [langid], 'invalid-request', /must come once/],
  [
    'instances that are no list',
    { instances: 'a' },
    [langid],
    'invalid-request',
    /instances: must be an array, was: "a"/,
  ],
  [
    'rows of another length',
    { instances: [[1, 2]] },
    [features],
    'invalid-tensor',
    /'features': shape \[1,2\] does not fit the model's \[-1,3\]/,
  ],
  [
    'rows that differ',
    {
      instances: [
        [1, 2, 3],
        [1, 2],
      ],
    },
    [features],
    'invalid-tensor',
    /an array at depth 1 has 2 elements, 3 were expected/,
  ],
  ['rows of another depth', { instances: [1, 2, 3] }, [features], 'invalid-tensor', /shape \[3\] does not fit/],
  [
    'depths that differ',
    { instances: [[1, 2, 3], 4] },
    [features],
    'invalid-tensor',
    /element 3 is 1 arrays deep, 2 were expected/,
  ],
  [
    'an empty array deeper than the rest',
    { instances: [[[]], [1]] },
    [features],
    'invalid-tensor',
    /not all equally deep/,
  ],
  [
    'an element of another kind',
    { instances: [[1, 2, 'a']] },
    [features],
    'invalid-tensor',
    /element 2 is "a", FP32 needs/,
  ],
  ['numbers for text', { instances: [1] }, [langid], 'invalid-tensor', /element 0 is 1, BYTES needs a string/],
  [
    'base64 that is none',
    { instances: [{ b64: 'a*b' }] },
    [langid],
    'invalid-tensor',
    /element 0 is {"b64":"a\*b"}, BYTES/,
  ],
  [
    'an unknown input',
    { instances: [{ txt: 'a' }] },
    [langid, features],
    'invalid-request',
    /input "txt": the model has no such input, it has 'text'; or 'features'/,
  ],
  [
    'inputs of two surfaces',
    { instances: [{ text: 'a', features: [1, 2, 3] }] },
    [langid, features],
    'invalid-request',
    /input "features"/,
  ],
  [
    'values without names for two inputs',
    { instances: [[1, 2]] },
    [sum],
    'invalid-request',
    /instances: the model has 2 inputs: each instance must be an object with 'a', 'b'/,
  ],
  [
    'columns without names for two inputs',
    { inputs: [[1, 2]] },
    [sum],
    'invalid-request',
    /inputs: the model has 2 inputs/,
  ],
  [
    'a missing input',
    { instances: [{ a: [1, 2], b: [1, 2] }, { a: [1, 2] }] },
    [sum],
    'invalid-request',
    /instances\[1\]: input 'b' is missing/,
  ],
  [
    'an input twice',
    '{"instances":[{"a":[1,2],"a":[1,2]}]}',
    [sum],
    'invalid-request',
    /instances\[0\]: input 'a' appears twice/,
  ],
  [
    'a value among objects',
    { instances: [{ a: [1, 2], b: [1, 2] }, 7] },
    [sum],
    'invalid-request',
    /instances\[1\]: must be an object like the first one, was: 7/,
  ],
  ['a missing column', { inputs: { a: [[1, 2]] } }, [sum], 'invalid-request', /input 'b': is missing/],
  ['a scalar for a column', { inputs: 7 }, [features], 'invalid-tensor', /shape \[\] does not fit/],
  ['a prototype as a key', '{"instances":[{"__proto__":[1]}]}', [features], 'invalid-request', /input "__proto__"/],
];
for (const [title, value, surfaces, code, message] of wrong) {
  test(`refused: ${title}`, () => refuses(value, surfaces, code, message));
}

test('only JSON is read', () => {
  const request = { ...json({ instances: ['a'] }), contentType: 'application/octet-stream' };
  assert.throws(
    () => parsePredictRequest(request, [langid]),
    /Content-Type: must be application\/json, was: "application\/octet-stream"/,
  );
});

/** Tensors with equal rows, and the signature that takes and gives them. */
const tensors = fc
  .tuple(fc.array(fc.constantFrom(...datatypes), { minLength: 1, maxLength: 2 }), shape)
  .chain(([types, dims]) => fc.tuple(...types.map((type) => tensor(type, dims, { finite: true, text: false }))))
  .map((list) => {
    const inputs = list.map((one, index) =>
      spec(
        `t${index}`,
        one.datatype,
        one.shape.map(() => -1),
      ),
    );
    return { signature: { inputs, outputs: inputs }, tensors: new Map(list.map((one, index) => [`t${index}`, one])) };
  });

const rendered = (signature: Signature, outputs: Tensors, layout: 'rows' | 'columns') =>
  renderPredictResponse(
    {
      id: undefined,
      surface: 0,
      rows: outputs.get('t0')!.shape[0]!,
      outputs: signature.outputs.map(({ name }) => ({ name, binary: false })),
      predict: { layout, signature },
    },
    outputs,
  ).body[0]!.toString();

test('what is rendered reads back the same, all datatypes, in rows and in columns', () => {
  fc.assert(
    fc.property(tensors, fc.constantFrom('rows' as const, 'columns' as const), (given, layout) => {
      const text = rendered(given.signature, given.tensors, layout)
        .replace('{"predictions":', '{"instances":')
        .replace('{"outputs":', '{"inputs":');
      const call = parse(text, given.signature);
      for (const [name, expected] of given.tensors) assert.deepEqual(plain(call.inputs.get(name)!), plain(expected));
    }),
    { numRuns: 300 },
  );
});

test('edited requests are answered or refused with a 4xx, and never with anything else', () => {
  fc.assert(
    fc.property(tensors, edits, ({ signature, tensors: outputs }, list) => {
      const text = rendered(signature, outputs, 'rows').replace('"predictions"', '"instances"');
      try {
        parsePredictRequest({ ...json(text), body: applyEdits(Buffer.from(text), list) }, [signature]);
      } catch (error) {
        assert.ok(error instanceof SluiceError, String(error));
        assert.ok(error.status >= 400 && error.status < 500, error.message);
      }
    }),
    { numRuns: 1000 },
  );
});
