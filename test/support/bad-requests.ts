/** Requests to `simple`, `mlp`, `langid` and `types` that are wrong in one way each, and what the answer must say. */
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { binary, binaryTensor, bytesElements, json, simpleInputs, typesRequest, type Payload } from './requests.ts';

export interface BadRequest {
  readonly name: string;
  readonly path: string;
  readonly payload: Partial<Payload>;
  readonly status: number;
  /** Words of the message: the field and the value. */
  readonly says: readonly string[];
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
}

const inferPath = '/v2/models/simple/infer';
const good = simpleInputs();
const [input0, input1] = [good[0]!, good[1]!];
const goodText = JSON.stringify({ inputs: good });
const numbers = (count: number) => new Array<number>(count).fill(0);

function bad(
  name: string,
  payload: Partial<Payload>,
  says: readonly string[],
  { path = inferPath, status = 400 } = {},
): BadRequest {
  return { name, path, payload, status, says };
}

/** A request for `simple` that is good but for these fields of its first input. */
const first = (fields: object) => json({ inputs: [{ ...input0, ...fields }, input1] });
const elements = (data: string) => json(goodText.replace(JSON.stringify(input0.data), data));
const typed = (datatype: Parameters<typeof typesRequest>[0]) => json(typesRequest(datatype));
const types = { path: '/v2/models/types/infer' };
const mlp = { path: '/v2/models/mlp/infer' };
const langid = { path: '/v2/models/langid/infer' };

const notJson = [
  bad('nothing', json(''), ['body is empty']),
  bad('blanks', json(' \n\t '), ['body is empty']),
  bad('no JSON', json('inputs'), ['JSON']),
  bad('half of the JSON', json(goodText.slice(0, -20)), ['JSON']),
  bad('something behind the JSON', json(`${goodText}]`), ['JSON']),
  bad('a comma too many', json('{"inputs":[],}'), ['JSON']),
  bad('single quotes', json("{'inputs':[]}"), ['JSON']),
  bad('a byte order mark', json(`\ufeff${goodText}`), ['JSON']),
  bad('bytes that are not UTF-8', { ...json(''), body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) }, ['JSON']),
  bad('100,000 brackets', json('['.repeat(100_000)), ['nested', '100 levels']),
  bad('100,000 brackets in data', elements('['.repeat(100_000)), ['nested', '100 levels']),
  bad('100,000 brackets in a field nobody reads', json(`{"other":${'['.repeat(100_000)}`), ['JSON']),
  bad('an array', json([1]), ['body', '[1]']),
  bad('null', json(null), ['body', 'null']),
  bad('a number', json(42), ['body', '42']),
];

const fields = [
  bad('no inputs', json({}), ['inputs', 'missing']),
  bad('empty inputs', json({ inputs: [] }), ['inputs', 'empty']),
  bad('inputs no array', json({ inputs: { INPUT0: 1 } }), ['inputs', '{"INPUT0":1}']),
  bad('an input no object', json({ inputs: [7] }), ['inputs[0]', '7']),
  bad('no name', json({ inputs: [{ datatype: 'INT32', shape: [1, 16], data: [] }] }), ['inputs[0]', 'name']),
  bad('name no string', first({ name: 7 }), ['inputs[0]', 'name', '7']),
  bad('unknown input', first({ name: 'INPUT7' }), ['INPUT7', 'INPUT0']),
  bad('unknown second input', json({ inputs: [input0, { ...input1, name: 'INPUT7' }] }), ['INPUT7', 'INPUT1']),
  bad('an input twice', json({ inputs: [input0, input0, input1] }), ['INPUT0', 'twice']),
  bad('a missing input', json({ inputs: [input0] }), ['INPUT1', 'missing']),
  bad('a field twice', json(goodText.replace('"shape"', '"shape":[1,16],"shape"')), ['shape', 'twice']),
  bad('inputs twice', json(goodText.replace('{"inputs"', '{"inputs":[],"inputs"')), ['inputs', 'twice']),
  bad('no datatype', first({ datatype: undefined }), ['INPUT0', 'datatype', 'missing']),
  bad('unknown datatype', first({ datatype: 'INT33' }), ['INPUT0', 'INT33']),
  bad('datatype no string', first({ datatype: 32 }), ['INPUT0', '32']),
  bad("not the model's datatype", first({ datatype: 'FP32' }), ['INPUT0', 'FP32', 'INT32']),
  bad('no shape', first({ shape: undefined }), ['INPUT0', 'shape', 'missing']),
  bad('shape no array', first({ shape: 16 }), ['INPUT0', 'shape', '16']),
  bad('negative length', first({ shape: [-1, 16] }), ['INPUT0', 'shape', '[-1,16]']),
  bad('half a row', first({ shape: [1.5, 16] }), ['INPUT0', 'shape', '[1.5,16]']),
  bad('length as text', first({ shape: ['1', 16] }), ['INPUT0', 'shape', '["1",16]']),
  bad('wrong rank', first({ shape: [16] }), ['INPUT0', '[16]', '[-1,16]']),
  bad('wrong length', first({ shape: [1, 15], data: numbers(15) }), ['INPUT0', '[1,15]', '[-1,16]']),
  bad('no rows beside one', first({ shape: [0, 16], data: [] }), ['INPUT1', '1 rows', 'INPUT0', '0']),
  bad('more rows than memory', first({ shape: [2 ** 53 - 1, 16] }), ['INPUT0', '9007199254740991']),
  bad('different rows', first({ shape: [2, 16], data: numbers(32) }), ['INPUT1', '1 rows', 'INPUT0', '2']),
  bad('more rows than it takes', json({ inputs: simpleInputs(0, 9) }), ['9 rows', 'simple', '8']),
  bad(
    'more rows than a pool takes',
    json({
      inputs: [{ name: 'text', datatype: 'BYTES', shape: [131_073], data: new Array<string>(131_073).fill('a') }],
    }),
    ['131073 rows', 'langid', '131072'],
    langid,
  ),
  bad('id no string', json({ id: 7, inputs: good }), ['id', '7']),
  bad('parameters no object', json({ parameters: 'x', inputs: good }), ['parameters', '"x"']),
  bad('outputs no array', json({ inputs: good, outputs: 'OUTPUT0' }), ['outputs', 'OUTPUT0']),
  bad('an output no object', json({ inputs: good, outputs: ['OUTPUT0'] }), ['outputs[0]', 'OUTPUT0']),
  bad('an output without name', json({ inputs: good, outputs: [{}] }), ['outputs[0]', 'name']),
  bad('unknown output', json({ inputs: good, outputs: [{ name: 'OUTPUT7' }] }), ['OUTPUT7', 'OUTPUT0']),
  bad('an output twice', json({ inputs: good, outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT0' }] }), [
    'OUTPUT0',
    'twice',
  ]),
  bad(
    'binary_data no boolean',
    json({ inputs: good, outputs: [{ name: 'OUTPUT0', parameters: { binary_data: 'yes' } }] }),
    ['OUTPUT0', 'binary_data', 'yes'],
  ),
  bad(
    'classification no whole number',
    json({ inputs: good, outputs: [{ name: 'OUTPUT0', parameters: { classification: 1.5 } }] }),
    ['OUTPUT0', 'classification', '1.5'],
  ),
  bad(
    'shared memory',
    first({ data: undefined, parameters: { shared_memory_region: 'r', shared_memory_byte_size: 64 } }),
    ['INPUT0', 'shared memory'],
  ),
];

const data = [
  bad('no data', first({ data: undefined }), ['INPUT0', 'data']),
  bad('data no array', first({ data: 5 }), ['INPUT0', 'data']),
  bad('an element too few', first({ data: numbers(15) }), ['INPUT0', '15', '[1,16]', '16']),
  bad('an element too many', first({ data: numbers(17) }), ['INPUT0', 'more', '[1,16]', '16']),
  bad('no elements', first({ data: [] }), ['INPUT0', '0', '[1,16]']),
  bad('nested otherwise', first({ data: [numbers(8), numbers(8)] }), ['INPUT0', '8', '16']),
  bad('ragged', first({ shape: [2, 16], data: [numbers(16), numbers(15)] }), ['INPUT0', '15', '16']),
  bad('too deep', first({ data: [[numbers(16)]] }), ['INPUT0', 'deep']),
  bad('an element of text', first({ data: ['seven', ...numbers(15)] }), ['INPUT0', 'element 0', 'seven', 'INT32']),
  bad('an element of null', first({ data: [...numbers(15), null] }), ['INPUT0', 'element 15', 'null', 'INT32']),
  bad('a fraction', first({ data: [1.5, ...numbers(15)] }), ['INPUT0', 'element 0', '1.5', 'INT32']),
  bad('beyond INT32', first({ data: [0, 2147483648, ...numbers(14)] }), ['INPUT0', 'element 1', '2147483648']),
  bad('NaN', elements('[NaN,0]'), ['NaN']),
  bad('Infinity', elements('[Infinity,0]'), ['JSON']),
  bad('-Infinity', elements('[-Infinity,0]'), ['JSON']),
  bad('a leading zero', elements('[01]'), ['JSON']),
  bad('a plus', elements('[+1]'), ['JSON']),
  bad('NaN for INT64', typed({ INT64: '[NaN,0]' }), ['NaN'], types),
  bad('null for INT64', typed({ INT64: '[null,0]' }), ['int64', 'null'], types),
  bad(
    'beyond INT64',
    typed({ INT64: '[0,9223372036854775808]' }),
    ['int64', 'element 1', '9223372036854775808'],
    types,
  ),
  bad('below INT64', typed({ INT64: '[-9223372036854775809,0]' }), ['int64', '-9223372036854775809'], types),
  bad('beyond UINT64', typed({ UINT64: '[18446744073709551616,0]' }), ['uint64', '18446744073709551616'], types),
  bad('negative UINT64', typed({ UINT64: '[-1,0]' }), ['uint64', '-1'], types),
  bad('beyond UINT8', typed({ UINT8: '[256,0]' }), ['uint8', '256'], types),
  bad('beyond INT8', typed({ INT8: '[-129,0]' }), ['int8', '-129'], types),
  bad('beyond UINT16', typed({ UINT16: '[65536,0]' }), ['uint16', '65536'], types),
  bad('beyond INT16', typed({ INT16: '[32768,0]' }), ['int16', '32768'], types),
  bad('beyond UINT32', typed({ UINT32: '[4294967296,0]' }), ['uint32', '4294967296'], types),
  bad('beyond FP16', typed({ FP16: '[65520,0]' }), ['fp16', '65520'], types),
  bad('beyond FP32', typed({ FP32: '[1e39,0]' }), ['fp32', '1e39'], types),
  bad('beyond FP64', typed({ FP64: '[1e999,0]' }), ['fp64', '1e999'], types),
  bad('2 for BOOL', typed({ BOOL: '[true,2]' }), ['bool', 'element 1', '2'], types),
  bad('text for BOOL', typed({ BOOL: '["true",false]' }), ['bool', 'true'], types),
  bad('a number for BYTES', typed({ BYTES: '["a",5]' }), ['bytes', 'element 1', '5'], types),
  bad('an unpaired surrogate', typed({ BYTES: '["\\ud800",""]' }), ['bytes', 'element 0'], types),
  bad('a zero byte in text', typed({ BYTES: '["a\\u0000b",""]' }), ['bytes', 'element 0', 'zero byte'], types),
];

const bytes = Buffer.alloc(64);
const both = [binaryTensor('INPUT0', 'INT32', [1, 16], bytes), binaryTensor('INPUT1', 'INT32', [1, 16], bytes)];
const sized = (size: unknown) =>
  binary({ inputs: [{ ...both[0]!, parameters: { binary_data_size: size } }, both[1]] }, bytes, bytes);
const headerOf = (length: string) => {
  const payload = binary({ inputs: both }, bytes, bytes);
  return { ...payload, headers: { ...payload.headers, 'inference-header-content-length': length } };
};
const oneText = (content: Buffer) => binary({ inputs: [binaryTensor('text', 'BYTES', [1], content)] }, content);

const binaries = [
  bad('header beyond the body', headerOf('99999'), ['Inference-Header-Content-Length', '99999']),
  bad('header no number', headerOf('many'), ['Inference-Header-Content-Length', 'many']),
  bad('negative header', headerOf('-1'), ['Inference-Header-Content-Length', '-1']),
  bad('fractional header', headerOf('10.5'), ['Inference-Header-Content-Length', '10.5']),
  bad('header cuts the JSON', headerOf('20'), ['JSON']),
  bad('header includes bytes', headerOf(String(JSON.stringify({ inputs: both }).length + 4)), [
    'INPUT1',
    '64',
    '60 bytes',
  ]),
  bad('no header', { ...headerOf(''), headers: { 'content-type': 'application/octet-stream' } }, [
    'INPUT0',
    'no Inference-Header-Content-Length',
  ]),
  bad('raw for two inputs', headerOf('0'), ['raw', 'one input']),
  bad('head no JSON', binary('{inputs}', bytes), ['JSON']),
  bad('size below the shape', sized(60), ['INPUT0', '60', '[1,16]', '64']),
  bad('size above the shape', sized(68), ['INPUT0', '68', '[1,16]', '64']),
  bad('size beyond the body', sized(1000), ['INPUT0', '1000', '128']),
  bad('size no number', sized('64'), ['INPUT0', 'binary_data_size', '64']),
  bad('negative size', sized(-64), ['INPUT0', 'binary_data_size', '-64']),
  bad('fractional size', sized(63.5), ['INPUT0', 'binary_data_size', '63.5']),
  bad('bytes too few', binary({ inputs: both }, bytes, bytes.subarray(1)), ['INPUT1', '64', '63']),
  bad('bytes too many', binary({ inputs: both }, bytes, bytes, Buffer.alloc(3)), ['additional', '3 bytes']),
  bad('data and bytes', binary({ inputs: [{ ...input0, ...both[0], data: input0.data }, both[1]] }, bytes, bytes), [
    'INPUT0',
    'both',
  ]),
  bad('rows from thin air', binary({ inputs: [{ ...both[0], shape: [2 ** 40, 16] }, both[1]] }, bytes, bytes), [
    'INPUT0',
    '1099511627776',
  ]),
  bad(
    'text longer than its bytes',
    oneText(Buffer.from([9, 0, 0, 0, 0x61])),
    ['text', 'element 0', '9', '1 bytes'],
    langid,
  ),
  bad('text of 4 GiB', oneText(Buffer.from([255, 255, 255, 255, 0x61])), ['text', '4294967295'], langid),
  bad('half a length', oneText(Buffer.from([1, 0, 0])), ['text', '3 bytes'], langid),
  bad('bytes behind the text', oneText(Buffer.from([1, 0, 0, 0, 0x61, 0x62])), ['text', '1 bytes'], langid),
  bad('text not UTF-8', oneText(bytesElements(Buffer.from([0xff, 0xfe]))), ['text', 'UTF-8'], langid),
  bad(
    'raw of a wrong size',
    { body: Buffer.alloc(100), headers: headerOf('0').headers },
    ['input', '100 bytes', '3136'],
    mlp,
  ),
];

const v1 = (model: string) => ({ path: `/v1/models/${model}:predict` });
const instances = [
  bad('V1: nothing', json(''), ['body is empty'], v1('langid')),
  bad('V1: no JSON', json('{"instances": [}'), ['JSON'], v1('langid')),
  bad('V1: an array', json(['text']), ['body', '["text"]'], v1('langid')),
  bad('V1: no instances', json({ instance: ['text'] }), ['instances', 'missing'], v1('langid')),
  bad('V1: instances no array', json({ instances: 'text' }), ['instances', '"text"'], v1('langid')),
  bad('V1: a number for text', json({ instances: ['text', 7] }), ['text', 'element 1', '7'], v1('langid')),
  bad('V1: null for text', json({ instances: [null] }), ['text', 'element 0', 'null'], v1('langid')),
  bad('V1: unknown input', json({ instances: [{ txt: 'a' }] }), ['txt', 'text'], v1('langid')),
  bad('V1: instances and inputs', json({ instances: ['a'], inputs: ['b'] }), ['inputs', 'once'], v1('langid')),
  bad('V1: ragged', json({ instances: [numbers(784), numbers(783)] }), ['input', '783', '784'], v1('mlp')),
  bad('V1: wrong length', json({ instances: [numbers(3)] }), ['input', '[1,3]', '[-1,784]'], v1('mlp')),
  bad('V1: text for a number', json({ instances: [['x', ...numbers(783)]] }), ['input', 'element 0', 'x'], v1('mlp')),
  bad(
    'V1: too many',
    json({ instances: new Array<string>(131_073).fill('a') }),
    ['more than 131072 rows', 'langid'],
    v1('langid'),
  ),
  bad('V1: a list for two inputs', json({ instances: [numbers(16)] }), ['instances', 'INPUT0', 'INPUT1'], v1('simple')),
  bad('V1: a missing input', json({ instances: [{ INPUT0: numbers(16) }] }), ['instances[0]', 'INPUT1'], v1('simple')),
  bad('V1: an input twice', json('{"instances":[{"INPUT0":[1],"INPUT0":[1]}]}'), ['INPUT0', 'twice'], v1('simple')),
  bad(
    'V1: binary',
    { body: 'x', headers: { 'content-type': 'application/octet-stream' } },
    ['Content-Type', 'application/octet-stream'],
    { ...v1('langid'), status: 415 },
  ),
];

const withHeaders = (headers: Record<string, string>, body: string | Buffer = goodText) => ({
  body,
  headers: { 'content-type': 'application/json', ...headers },
});
const squeezed = gzipSync(goodText);
const bomb = gzipSync(Buffer.alloc(65 * 1024 * 1024, ' '));

const http: readonly BadRequest[] = [
  bad('a type that is not read', withHeaders({ 'content-type': 'text/plain' }), ['Content-Type', 'text/plain'], {
    status: 415,
  }),
  bad(
    'a form',
    withHeaders({ 'content-type': 'multipart/form-data; boundary=x' }),
    ['Content-Type', 'multipart/form-data'],
    { status: 415 },
  ),
  bad(
    'an encoding that is not read',
    withHeaders({ 'content-encoding': 'br' }, brotliCompressSync(goodText)),
    ['Content-Encoding', 'br'],
    { status: 415 },
  ),
  bad(
    'two encodings',
    withHeaders({ 'content-encoding': 'gzip, gzip' }, gzipSync(squeezed)),
    ['Content-Encoding', 'gzip, gzip'],
    { status: 415 },
  ),
  bad('gzip that is none', withHeaders({ 'content-encoding': 'gzip' }), ['Content-Encoding', 'gzip']),
  bad('half of the gzip', withHeaders({ 'content-encoding': 'gzip' }, squeezed.subarray(0, -12)), [
    'Content-Encoding',
    'gzip',
  ]),
  bad('deflate that is none', withHeaders({ 'content-encoding': 'deflate' }), ['Content-Encoding', 'deflate']),
  bad('gzip beyond the limit', withHeaders({ 'content-encoding': 'gzip' }, bomb), ['67108864'], { status: 413 }),
  bad('timeout of 0', withHeaders({ 'sluice-timeout-ms': '0' }), ['sluice-timeout-ms', '0']),
  bad('timeout no number', withHeaders({ 'sluice-timeout-ms': 'soon' }), ['sluice-timeout-ms', 'soon']),
  bad('priority 10', withHeaders({ 'sluice-priority': '10' }), ['sluice-priority', '10']),
  bad('unknown model', json(goodText), ['nonesuch'], { path: '/v2/models/nonesuch/infer', status: 404 }),
  bad('unknown version', json(goodText), ['simple', '99'], {
    path: '/v2/models/simple/versions/99/infer',
    status: 404,
  }),
  bad('version no number', json(goodText), ['simple', 'latest'], {
    path: '/v2/models/simple/versions/latest/infer',
    status: 404,
  }),
  bad('V1: unknown model', json({ instances: [] }), ['nonesuch'], { ...v1('nonesuch'), status: 404 }),
  bad('V1: unknown action', json({ instances: [] }), [':explain'], { path: '/v1/models/simple:explain', status: 404 }),
  bad('V1: no action', json({ instances: [] }), [':predict'], { path: '/v1/models/simple', status: 404 }),
  bad('unknown path', json(goodText), ['/v3/models/simple'], { path: '/v3/models/simple', status: 404 }),
  bad('a model name of escapes', json(goodText), ['%ff'], { path: '/v2/models/%ff/infer', status: 400 }),
  bad('a model name of 2,000 letters', json(goodText), ['aaa', 'max param length'], {
    path: `/v2/models/${'a'.repeat(2000)}/infer`,
    status: 400,
  }),
  { ...bad('GET for POST', {}, ['GET', 'POST'], { status: 405 }), method: 'GET' },
  { ...bad('PUT for POST', json(goodText), ['PUT', 'POST'], { status: 405 }), method: 'PUT' },
  { ...bad('POST for GET', json('{}'), ['POST', 'GET'], { path: '/v2/models/simple', status: 405 }), method: 'POST' },
  { ...bad('DELETE', {}, ['DELETE', 'GET'], { path: '/v2/health/live', status: 405 }), method: 'DELETE' },
];

export const badRequests = { 'not JSON': notJson, fields, data, binary: binaries, 'KServe V1': instances, HTTP: http };
