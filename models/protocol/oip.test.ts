import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Datatype } from '../../contract/datatypes.ts';
import { SluiceError, type ErrorCode } from '../../contract/errors.ts';
import type { Signature, Tensors, TensorSignature } from '../tensor.ts';
import type { Answer, InferCall, RequestBody } from './call.ts';
import { parseInferRequest } from './oip-request.ts';
import { renderInferResponse } from './oip-response.ts';
import { applyEdits, datatypes, edits, plain, shape, tensor } from './tensors.fixture.ts';

const spec = (name: string, datatype: Datatype, dims: number[], batchAxis: number | null = 0): TensorSignature => ({
  name,
  datatype,
  shape: dims,
  batchAxis,
});
const simple: Signature = {
  inputs: [spec('INPUT0', 'INT32', [-1, 16]), spec('INPUT1', 'INT32', [-1, 16])],
  outputs: [spec('OUTPUT0', 'INT32', [-1, 16]), spec('OUTPUT1', 'INT32', [-1, 16])],
};
const text: Signature = {
  inputs: [spec('text', 'BYTES', [-1])],
  outputs: [spec('label', 'BYTES', [-1]), spec('score', 'FP32', [-1])],
};
const features: Signature = {
  inputs: [spec('features', 'FP32', [-1, 3])],
  outputs: [spec('probabilities', 'FP32', [-1, 2])],
};
const one = (datatype: Datatype, dims: number[] = [-1], batchAxis: number | null = 0): Signature => ({
  inputs: [spec('x', datatype, dims, batchAxis)],
  outputs: [spec('y', datatype, dims, batchAxis)],
});

const json = (value: unknown): RequestBody => ({
  body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  contentType: 'application/json',
  inferenceHeaderLength: undefined,
});
const binary = (head: unknown, ...parts: Uint8Array[]): RequestBody => {
  const start = Buffer.from(JSON.stringify(head));
  return {
    body: Buffer.concat([start, ...parts]),
    contentType: 'application/octet-stream',
    inferenceHeaderLength: String(start.length),
  };
};
const x = (datatype: string, dims: number[], data: unknown) =>
  json({ inputs: [{ name: 'x', datatype, shape: dims, data }] });
const data = (call: InferCall, name = 'x') => call.inputs.get(name)?.data;

function refuses(read: () => unknown, code: ErrorCode, message: RegExp): void {
  assert.throws(read, (error) => {
    assert.ok(error instanceof SluiceError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  });
}

/** The answer to a question becomes a question: its outputs are named as inputs. */
function asRequest(answer: Answer): RequestBody {
  const length = answer.inferenceHeaderLength ?? answer.body[0]!.length;
  const body = Buffer.concat(answer.body);
  const head = Buffer.from(body.toString('utf8', 0, length).replace('"outputs":', '"inputs":'));
  return {
    body: Buffer.concat([head, body.subarray(length)]),
    contentType: answer.contentType,
    inferenceHeaderLength: answer.inferenceHeaderLength === undefined ? undefined : String(head.length),
  };
}

const rendered = (tensors: Tensors, binaryOf: (name: string) => boolean): Answer => {
  const outputs = [...tensors.keys()].map((name) => ({ name, binary: binaryOf(name) }));
  const call = { id: undefined, surface: 0, inputs: new Map(), rows: 1, outputs };
  return renderInferResponse({ name: 'm', version: '1' }, call, tensors);
};

/** A pair of tensors of any datatypes with equal rows, and the signature that takes them. */
const pair = (options: { finite: boolean; text: boolean }) =>
  fc
    .tuple(fc.constantFrom(...datatypes), fc.constantFrom(...datatypes), shape)
    .chain(([first, second, dims]) => fc.tuple(tensor(first, dims, options), tensor(second, dims, options)))
    .map(([a, b]) => {
      const inputs = [a, b].map((input, index) =>
        spec(
          `t${index}`,
          input.datatype,
          input.shape.map(() => -1),
        ),
      );
      const tensors: Tensors = new Map([
        ['t0', a],
        ['t1', b],
      ]);
      return { signature: { inputs, outputs: inputs }, tensors };
    });

for (const [title, binaries, options] of [
  ['JSON', [], { finite: true, text: true }],
  ['binary', ['t0', 't1'], { finite: false, text: false }],
  ['JSON and binary mixed', ['t1'], { finite: true, text: true }],
] as const) {
  test(`what is rendered reads back the same, all datatypes: ${title}`, () => {
    fc.assert(
      fc.property(pair(options), ({ signature, tensors }) => {
        const call = parseInferRequest(
          asRequest(rendered(tensors, (name) => binaries.some((other) => other === name))),
          [signature],
        );
        for (const [name, expected] of tensors) assert.deepEqual(plain(call.inputs.get(name)!), plain(expected));
        assert.equal(call.rows, tensors.get('t0')!.shape[0]);
      }),
      { numRuns: 200 },
    );
  });
}

test('edited requests are answered or refused with a 4xx, and never with anything else', () => {
  const body = pair({ finite: true, text: true }).chain(({ signature, tensors }) =>
    fc.record({
      signature: fc.constant(signature),
      request: fc.subarray(['t0', 't1']).map((names) => asRequest(rendered(tensors, (name) => names.includes(name)))),
      list: edits,
    }),
  );
  fc.assert(
    fc.property(body, ({ signature, request, list }) => {
      const edited = applyEdits(request.body, list);
      try {
        parseInferRequest({ ...request, body: edited }, [signature]);
      } catch (error) {
        assert.ok(error instanceof SluiceError, String(error));
        assert.ok(error.status >= 400 && error.status < 500, error.message);
      }
    }),
    { numRuns: 1000 },
  );
});

test('an edited JSON request is refused as not JSON only if it is not JSON, and never taken then', () => {
  fc.assert(
    fc.property(pair({ finite: true, text: true }), edits, ({ signature, tensors }, list) => {
      const request = asRequest(rendered(tensors, () => false));
      const body = applyEdits(request.body, list);
      let isJson = true;
      try {
        JSON.parse(new TextDecoder('utf8', { fatal: true, ignoreBOM: true }).decode(body));
      } catch {
        isJson = false;
      }
      let code: ErrorCode | null = null;
      try {
        parseInferRequest({ ...request, body }, [signature]);
      } catch (error) {
        code = (error as SluiceError).code;
      }
      if (isJson) assert.notEqual(code, 'invalid-json');
      else assert.notEqual(code, null);
    }),
    { numRuns: 1000 },
  );
});

test('no rows are taken, and counted', () => {
  const call = parseInferRequest(json({ inputs: [{ name: 'x', datatype: 'FP32', shape: [0, 3], data: [] }] }), [
    one('FP32', [-1, 3]),
  ]);
  assert.equal(call.rows, 0);
});

test('data may be flat or nested, and members come in any order', () => {
  const flat = [1, 2, 3, 4, 5, 6];
  const nested = [
    [1, 2, 3],
    [4, 5, 6],
  ];
  for (const values of [flat, nested]) {
    for (const members of [
      { name: 'x', shape: [2, 3], datatype: 'FP32', data: values },
      { data: values, datatype: 'FP32', shape: [2, 3], name: 'x' },
      { unknown: { data: [] }, shape: [2, 3], data: values, parameters: null, name: 'x', datatype: 'FP32' },
    ]) {
      const call = parseInferRequest(json({ inputs: [members], id: 'a', outputs: null }), [one('FP32', [-1, 3])]);
      assert.deepEqual(data(call), Float32Array.from(flat));
      assert.equal(call.rows, 2);
      assert.equal(call.id, 'a');
      assert.deepEqual(call.outputs, [{ name: 'y', binary: false }]);
    }
  }
});

test('the first input picks the surface', () => {
  const surfaces = [text, features];
  const byText = parseInferRequest(
    json({ inputs: [{ name: 'text', shape: [1], datatype: 'BYTES', data: ['é'] }] }),
    surfaces,
  );
  assert.equal(byText.surface, 0);
  assert.deepEqual(
    byText.outputs.map(({ name }) => name),
    ['label', 'score'],
  );
  const own = parseInferRequest(
    json({ inputs: [{ name: 'features', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] }] }),
    surfaces,
  );
  assert.equal(own.surface, 1);
  assert.deepEqual(
    own.outputs.map(({ name }) => name),
    ['probabilities'],
  );
  refuses(
    () => parseInferRequest(json({ inputs: [{ name: 'txt', shape: [1], datatype: 'BYTES', data: ['a'] }] }), surfaces),
    'invalid-request',
    /input "txt": the model has no such input, it has 'text'; or 'features'/,
  );
});

test('integers keep all their digits, and whole numbers may be written as they like', () => {
  const call = parseInferRequest(
    json(
      '{"inputs":[{"name":"x","datatype":"INT64","shape":[7],"data":[9223372036854775807,-9223372036854775808,9007199254740993,1.0,1e3,-12.50e1,4294967296]}]}',
    ),
    [one('INT64')],
  );
  assert.deepEqual(
    data(call),
    BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 9007199254740993n, 1n, 1000n, -125n, 4294967296n),
  );
  const unsigned = parseInferRequest(
    json(
      '{"inputs":[{"name":"x","datatype":"UINT64","shape":[3],"data":[18446744073709551615,1.8446744073709551615e19,-0]}]}',
    ),
    [one('UINT64')],
  );
  assert.deepEqual(data(unsigned), BigUint64Array.of(2n ** 64n - 1n, 2n ** 64n - 1n, 0n));
  assert.deepEqual(
    data(parseInferRequest(x('BOOL', [4], [true, false, 1, 0]), [one('BOOL')])),
    Uint8Array.of(1, 0, 1, 0),
  );
});

const wrongElements: readonly (readonly [Datatype, string, RegExp])[] = [
  ['INT32', '1.5', /input 'x': element 1 is 1.5, INT32 needs a whole number from -2147483648 to 2147483647/],
  ['INT32', '2147483648', /element 1 is 2147483648/],
  ['INT8', '-129', /element 1 is -129, INT8 needs/],
  ['UINT8', '-1', /element 1 is -1/],
  ['UINT16', '65536', /element 1 is 65536/],
  ['UINT32', '1e10', /element 1 is 1e10/],
  ['INT64', '9223372036854775808', /element 1 is 9223372036854775808, INT64 needs .* to 9223372036854775807/],
  ['INT64', '1e999999999', /element 1 is 1e999999999/],
  ['INT64', '9007199254740993.5', /element 1 is 9007199254740993.5/],
  ['UINT64', '-1', /element 1 is -1/],
  ['UINT64', '18446744073709551616', /element 1 is 18446744073709551616/],
  ['INT64', `0.${'0'.repeat(500)}`, /element 1 is 0.000/],
  ['FP32', '1e39', /element 1 is 1e39, FP32 needs/],
  ['FP64', '1e400', /element 1 is 1e400, FP64 needs/],
  ['FP16', '65520', /element 1 is 65520, FP16 needs/],
  ['INT32', 'null', /element 1 is null, INT32 needs a whole number/],
  ['BOOL', 'null', /element 1 is null, BOOL needs true or false/],
  ['BYTES', 'null', /element 1 is null, BYTES needs a string/],
  ['FP32', '"1"', /element 1 is "1"/],
  ['FP64', 'true', /element 1 is true/],
  ['FP32', '[2]', /element 1 is \[2\]/],
  ['BOOL', '2', /element 1 is 2, BOOL needs true or false/],
  ['BOOL', '"true"', /element 1 is "true"/],
  ['BYTES', '7', /element 1 is 7, BYTES needs a string/],
  ['BYTES', '{"b64":"AA=="}', /element 1 is {"b64":"AA=="}, BYTES/],
  ['BYTES', '"\\ud800"', /an unpaired surrogate/],
];
for (const [datatype, element, message] of wrongElements) {
  test(`${datatype} refuses ${element.slice(0, 40)}`, () => {
    const first = datatype === 'BYTES' ? '"a"' : '1';
    const body = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[2],"data":[${first},${element}]}]}`;
    refuses(() => parseInferRequest(json(body), [one(datatype)]), 'invalid-tensor', message);
  });
}

const int32 = (name: string, dims: number[], length: number) => ({
  name,
  shape: dims,
  datatype: 'INT32',
  data: Array.from({ length }, (_, index) => index),
});
const a = int32('INPUT0', [1, 16], 16);
const b = int32('INPUT1', [1, 16], 16);

const wrongRequests: readonly (readonly [string, unknown, ErrorCode, RegExp])[] = [
  ['an empty body', '', 'invalid-json', /the body is empty/],
  ['no JSON', 'inputs=1', 'invalid-json', /not JSON at byte 0/],
  ['a list', '[1]', 'invalid-request', /the body must be a JSON object, was: \[1\]/],
  ['something behind the end', '{"inputs":[]} x', 'invalid-json', /expected the end/],
  ['no inputs', '{}', 'invalid-request', /inputs: is missing or empty/],
  ['inputs that are no list', '{"inputs":{}}', 'invalid-request', /inputs: must be an array/],
  ['an input that is no object', '{"inputs":[7]}', 'invalid-request', /inputs\[0\]: must be an object, was: 7/],
  [
    'an input without a name',
    { inputs: [{ ...a, name: undefined }] },
    'invalid-request',
    /inputs\[0\]: name is missing/,
  ],
  [
    'an input without a shape',
    { inputs: [{ ...a, shape: undefined }] },
    'invalid-request',
    /'INPUT0': shape is missing/,
  ],
  [
    'an input without a datatype',
    { inputs: [{ ...a, datatype: undefined }] },
    'invalid-request',
    /'INPUT0': datatype is missing/,
  ],
  [
    'an input without data',
    { inputs: [{ ...a, data: undefined }] },
    'invalid-request',
    /'INPUT0': has neither data nor/,
  ],
  ['data that are null', { inputs: [{ ...a, data: null }] }, 'invalid-request', /'INPUT0': has neither data nor/],
  ['data that are no list', { inputs: [{ ...a, data: 7 }] }, 'invalid-tensor', /'INPUT0': data must be an array/],
  ['a missing input', { inputs: [a] }, 'invalid-request', /input 'INPUT1': is missing/],
  ['an input twice', { inputs: [a, a] }, 'invalid-request', /input 'INPUT0': appears twice/],
  [
    'an unknown input',
    { inputs: [a, { ...b, name: 'B' }] },
    'invalid-request',
    /input "B": the model has no such input/,
  ],
  [
    'another datatype',
    { inputs: [{ ...a, datatype: 'FP32' }] },
    'invalid-tensor',
    /datatype "FP32" is not the model's INT32/,
  ],
  [
    'an unknown datatype',
    { inputs: [{ ...a, datatype: 'INT' }] },
    'invalid-tensor',
    /datatype "INT" must be one of BOOL/,
  ],
  [
    'another shape',
    { inputs: [int32('INPUT0', [1, 15], 15)] },
    'invalid-tensor',
    /input 'INPUT0': shape \[1,15\] does not fit the model's \[-1,16\]/,
  ],
  ['another rank', { inputs: [int32('INPUT0', [16], 16)] }, 'invalid-tensor', /shape \[16\] does not fit/],
  [
    'a negative length',
    { inputs: [int32('INPUT0', [-1, 16], 16)] },
    'invalid-request',
    /'INPUT0': shape must be an array of whole numbers/,
  ],
  [
    'too few data',
    { inputs: [int32('INPUT0', [1, 16], 15)] },
    'invalid-tensor',
    /data has 15 elements, shape \[1,16\] needs 16/,
  ],
  [
    'too many data',
    { inputs: [int32('INPUT0', [1, 16], 17)] },
    'invalid-tensor',
    /data has more elements, shape \[1,16\] needs 16/,
  ],
  ['a huge shape', { inputs: [int32('INPUT0', [2 ** 40, 16], 16)] }, 'invalid-tensor', /data has fewer elements/],
  [
    'rows that differ',
    { inputs: [a, int32('INPUT1', [2, 16], 32)] },
    'invalid-tensor',
    /'INPUT1': has 2 rows, where input 'INPUT0' has 1/,
  ],
  [
    'ragged data',
    { inputs: [{ ...a, data: [a.data.slice(1)] }, b] },
    'invalid-tensor',
    /'INPUT0': an array at depth 1 has 15 elements, 16 were expected/,
  ],
  [
    'an unknown output',
    { inputs: [a, b], outputs: [{ name: 'OUT' }] },
    'invalid-request',
    /output "OUT": the model has no such output, it has 'OUTPUT0', 'OUTPUT1'/,
  ],
  [
    'an output twice',
    { inputs: [a, b], outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT0' }] },
    'invalid-request',
    /output 'OUTPUT0': appears twice/,
  ],
  ['outputs that are no list', { inputs: [a, b], outputs: {} }, 'invalid-request', /outputs: must be an array/],
  [
    'classification by no number',
    { inputs: [a, b], outputs: [{ name: 'OUTPUT0', parameters: { classification: -2 } }] },
    'invalid-request',
    /output 'OUTPUT0': parameters\.classification: must be a whole number from 0, was: -2/,
  ],
  [
    'shared memory in',
    { inputs: [{ ...a, data: undefined, parameters: { shared_memory_region: 'r' } }] },
    'invalid-request',
    /shared memory is not supported/,
  ],
  [
    'shared memory out',
    { inputs: [a, b], outputs: [{ name: 'OUTPUT0', parameters: { shared_memory_region: 'r' } }] },
    'invalid-request',
    /shared memory is not supported/,
  ],
  [
    'binary_data that is no flag',
    { inputs: [a, b], outputs: [{ name: 'OUTPUT0', parameters: { binary_data: 1 } }] },
    'invalid-request',
    /binary_data: must be true or false, was: 1/,
  ],
  ['an id that is a number', { id: 7, inputs: [a, b] }, 'invalid-request', /id: must be a string, was: 7/],
  [
    'a member twice',
    '{"inputs":[{"name":"INPUT0","name":"INPUT1"}]}',
    'invalid-request',
    /inputs\[0\]: 'name' appears twice/,
  ],
  [
    'binary data without the header',
    { inputs: [{ ...a, data: undefined, parameters: { binary_data_size: 64 } }] },
    'invalid-binary',
    /binary_data_size is 64 where 0 bytes remain \(the request has no Inference-Header/,
  ],
];
for (const [title, body, code, message] of wrongRequests) {
  test(`refused: ${title}`, () => refuses(() => parseInferRequest(json(body), [simple]), code, message));
}

const raw0 = { name: 'INPUT0', shape: [1, 16], datatype: 'INT32', parameters: { binary_data_size: 64 } };
const raw1 = { ...raw0, name: 'INPUT1' };
const bytes = Buffer.from(Int32Array.from({ length: 16 }, (_, index) => index).buffer);

test('binary inputs, and JSON beside binary', () => {
  const both = parseInferRequest(binary({ inputs: [raw0, raw1] }, bytes, bytes), [simple]);
  assert.deepEqual(data(both, 'INPUT1'), Int32Array.from(a.data));
  const mixed = parseInferRequest(binary({ inputs: [a, raw1] }, bytes), [simple]);
  assert.deepEqual(data(mixed, 'INPUT0'), data(mixed, 'INPUT1'));
});

test('binary data are not copied where they are aligned', () => {
  const { body, inferenceHeaderLength, contentType } = binary({ inputs: [raw0, raw1] }, bytes, bytes);
  for (const shift of [0, 1, 2, 3]) {
    const memory = Buffer.alloc(body.length + 8);
    body.copy(memory, shift);
    const request = { body: memory.subarray(shift, shift + body.length), inferenceHeaderLength, contentType };
    const { inputs } = parseInferRequest(request, [simple]);
    const read = inputs.get('INPUT0')!.data as Int32Array;
    assert.deepEqual(read, Int32Array.from(a.data));
    assert.equal(read.buffer === memory.buffer, (shift + Number(inferenceHeaderLength)) % 4 === memory.byteOffset % 4);
  }
});

test('binary sizes that do not add up', () => {
  const read = (request: RequestBody) => () => parseInferRequest(request, [simple]);
  const good = binary({ inputs: [raw0, raw1] }, bytes, bytes);
  refuses(
    read(binary({ inputs: [raw0, raw1] }, bytes, bytes, bytes)),
    'invalid-binary',
    /unexpected additional input data: 64 bytes/,
  );
  refuses(
    read(binary({ inputs: [raw0, raw1] }, bytes)),
    'invalid-binary',
    /input 'INPUT1': unexpected size, binary_data_size is 64 where 0 bytes remain/,
  );
  const short = { ...raw0, parameters: { binary_data_size: 60 } };
  refuses(
    read(binary({ inputs: [short, raw1] }, bytes, bytes)),
    'invalid-binary',
    /'INPUT0': unexpected size, 60 bytes where INT32 \[1,16\] has 64/,
  );
  const negative = { ...raw0, parameters: { binary_data_size: -4 } };
  refuses(
    read(binary({ inputs: [negative] }, bytes)),
    'invalid-request',
    /binary_data_size must be a number of bytes, was: -4/,
  );
  refuses(
    read(binary({ inputs: [{ ...raw0, data: a.data }] }, bytes)),
    'invalid-request',
    /'INPUT0': has both data and binary_data_size/,
  );
  refuses(read({ ...good, inferenceHeaderLength: '9999' }), 'invalid-binary', /9999 is beyond the body's/);
  for (const value of ['-1', '1.5', 'abc', '', '0x10']) {
    refuses(read({ ...good, inferenceHeaderLength: value }), 'invalid-header', /must be a number of bytes, was:/);
  }
  refuses(read({ ...good, inferenceHeaderLength: '10' }), 'invalid-json', /not JSON/);
});

test('binary BYTES: lengths are judged before they are used', () => {
  const read = (shapeOf: number[], content: Buffer) => () =>
    parseInferRequest(
      binary(
        {
          inputs: [{ name: 'x', shape: shapeOf, datatype: 'BYTES', parameters: { binary_data_size: content.length } }],
        },
        content,
      ),
      [one('BYTES')],
    );
  const good = Buffer.from([1, 0, 0, 0, 97, 0, 0, 0, 0]);
  assert.deepEqual((data(read([2], good)()) as Uint8Array[]).map(String), ['a', '']);
  refuses(read([3], good), 'invalid-binary', /'x': unexpected size, 9 bytes, shape \[3\] has 3 elements/);
  refuses(read([1], good), 'invalid-binary', /4 bytes remain after the last element/);
  refuses(
    read([1], Buffer.from([255, 255, 255, 255, 0])),
    'invalid-binary',
    /element 0 has length 4294967295 where 1 bytes remain/,
  );
  refuses(read([2], Buffer.from([4, 0, 0, 0, 1, 2, 3, 4])), 'invalid-binary', /the bytes end before element 1/);
  refuses(read([2 ** 50], good), 'invalid-binary', /unexpected size/);
});

test('every prefix of a request is refused, whatever datatype it ends in', () => {
  const values: Partial<Record<Datatype, unknown>> = { BOOL: [true, false], BYTES: ['a', 'b'] };
  for (const datatype of datatypes) {
    const whole = x(datatype, [2], values[datatype] ?? [1, 2.0]).body;
    for (let length = 0; length < whole.length; length += 1) {
      const cut = { ...json(''), body: Buffer.from(whole.subarray(0, length)) };
      assert.throws(
        () => parseInferRequest(cut, [one(datatype)]),
        (error) => error instanceof SluiceError && error.status === 400,
        cut.body.toString(),
      );
    }
  }
});

test('binary BOOL takes 0 and 1 only', () => {
  const head = { inputs: [{ name: 'x', shape: [2], datatype: 'BOOL', parameters: { binary_data_size: 2 } }] };
  refuses(
    () => parseInferRequest(binary(head, Uint8Array.of(1, 2)), [one('BOOL')]),
    'invalid-tensor',
    /element 1 is 2, BOOL/,
  );
});

test('size 0 is legal where a length varies', () => {
  const head = { inputs: [{ name: 'x', shape: [2, 0], datatype: 'FP32', parameters: { binary_data_size: 0 } }] };
  assert.equal(data(parseInferRequest(binary(head), [one('FP32', [-1, -1])]))?.length, 0);
});

test('a raw request is one row of the one input, and wants binary', () => {
  const request = (body: Buffer) => ({ body, contentType: undefined, inferenceHeaderLength: '0' });
  const floats = Buffer.from(Float32Array.of(1, 2, 3).buffer);
  const fixed = parseInferRequest(request(floats), [one('FP32', [-1, 3])]);
  assert.deepEqual(fixed.inputs.get('x')!.shape, [1, 3]);
  assert.deepEqual(fixed.outputs, [{ name: 'y', binary: true }]);
  assert.deepEqual(parseInferRequest(request(floats), [one('FP32', [-1, -1])]).inputs.get('x')!.shape, [1, 3]);
  const sentence = parseInferRequest(request(Buffer.from('Bonjour')), [text, features]);
  assert.deepEqual(sentence.inputs.get('text')!.shape, [1]);
  assert.equal(String(data(sentence, 'text')![0]), 'Bonjour');
  refuses(() => parseInferRequest(request(floats), [simple]), 'invalid-request', /needs a model of one input/);
  refuses(
    () => parseInferRequest(request(floats), [one('FP32', [-1, 4])]),
    'invalid-binary',
    /unexpected size, 12 bytes/,
  );
  refuses(
    () => parseInferRequest(request(floats), [one('FP32', [-1, -1, -1])]),
    'invalid-request',
    /at most one length that varies/,
  );
  refuses(
    () => parseInferRequest(request(floats), [one('BYTES', [-1, 2])]),
    'invalid-request',
    /one element of BYTES, a row has 2/,
  );
});

test('an unbatchable model takes one tensor, as one row', () => {
  const call = parseInferRequest(x('FP32', [2, 2], [1, 2, 3, 4]), [one('FP32', [2, 2], null)]);
  assert.equal(call.rows, 1);
});

test('media types', () => {
  const body = json({ inputs: [a, b] });
  const as = (contentType: string | undefined) => () => parseInferRequest({ ...body, contentType }, [simple]);
  for (const type of [
    undefined,
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/vnd.x+json',
    'application/octet-stream',
  ]) {
    assert.doesNotThrow(as(type));
  }
  refuses(
    as('text/plain'),
    'unsupported-media-type',
    /Content-Type: must be application\/json or application\/octet-stream, was: "text\/plain"/,
  );
  refuses(as('text/xml'), 'unsupported-media-type', /Content-Type/);
  // A form of any page can send this.
  refuses(as('application/x-www-form-urlencoded'), 'unsupported-media-type', /Content-Type/);
});

test('which outputs are binary: their own flag, else that of the request', () => {
  const read = (extra: object) => parseInferRequest(json({ inputs: [a, b], ...extra }), [simple]).outputs;
  const outputs = [{ name: 'OUTPUT1', parameters: { binary_data: false } }, { name: 'OUTPUT0' }];
  assert.deepEqual(read({ parameters: { binary_data_output: true } }), [
    { name: 'OUTPUT0', binary: true },
    { name: 'OUTPUT1', binary: true },
  ]);
  assert.deepEqual(read({ parameters: { binary_data_output: true, priority: 1, other: {} }, outputs }), [
    { name: 'OUTPUT1', binary: false },
    { name: 'OUTPUT0', binary: true },
  ]);
  assert.deepEqual(read({ outputs: [] }).length, 2);
});

test('the answer in JSON, in binary, and binary without bytes', () => {
  const tensors: Tensors = new Map([
    ['p', { datatype: 'FP32' as const, shape: [1, 2], data: Float32Array.of(0.5, Number.NaN) }],
    ['e', { datatype: 'INT8' as const, shape: [0], data: new Int8Array(0) }],
  ]);
  const call = { id: 'a"b', surface: 0, inputs: new Map(), rows: 1, outputs: [{ name: 'p', binary: false }] };
  const inJson = renderInferResponse({ name: 'm', version: '2' }, call, tensors);
  assert.equal(
    Buffer.concat(inJson.body).toString(),
    '{"model_name":"m","model_version":"2","id":"a\\"b","outputs":[{"name":"p","datatype":"FP32","shape":[1,2],"data":[0.5,null]}]}',
  );
  assert.equal(inJson.contentType, 'application/json');
  const inBinary = rendered(tensors, () => true);
  assert.equal(inBinary.contentType, 'application/octet-stream');
  assert.equal(inBinary.inferenceHeaderLength, inBinary.body[0]!.length);
  assert.match(inBinary.body[0]!.toString(), /"shape":\[1,2\],"parameters":{"binary_data_size":8}}/);
  const empty = rendered(new Map([['e', tensors.get('e')!]]), () => true);
  assert.equal(empty.contentType, 'application/json');
  assert.equal(empty.inferenceHeaderLength, undefined);
  assert.match(Buffer.concat(empty.body).toString(), /"binary_data_size":0/);
});

test('BYTES that are no text cannot be answered in JSON', () => {
  const tensors: Tensors = new Map([['t', { datatype: 'BYTES' as const, shape: [1], data: [Uint8Array.of(255)] }]]);
  refuses(
    () => rendered(tensors, () => false),
    'invalid-tensor',
    /output 't': element 0 is not UTF-8.*ask for binary_data/,
  );
});
