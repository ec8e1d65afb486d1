/**
 * Compares parsing and rendering with JSON.parse and JSON.stringify in one run: `npm run bench:parse`. It prints
 * microseconds of CPU per call, the median of nine rounds that alternate, and their range.
 */
import { seededRandom } from '../../runtime/seeded-random.ts';
import type { Signature, Tensors } from '../tensor.ts';
import { parseInferRequest } from './oip-request.ts';
import { renderInferResponse } from './oip-response.ts';
import { parsePredictRequest } from './v1.ts';

const surface: Signature = {
  inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 784], batchAxis: 0 }],
  outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 10], batchAxis: 0 }],
};
const rounds = 9;
const roundUs = 100_000;

function usPerCall(run: () => unknown): number {
  const start = process.cpuUsage();
  for (let calls = 20; ; calls += 20) {
    for (let call = 0; call < 20; call += 1) run();
    const { user, system } = process.cpuUsage(start);
    if (user + system >= roundUs) return (user + system) / calls;
  }
}

function compare(title: string, candidates: Readonly<Record<string, () => unknown>>): void {
  const samples = new Map(Object.keys(candidates).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, run] of Object.entries(candidates)) samples.get(name)!.push(usPerCall(run));
  }
  const columns = [...samples].map(([name, values]) => {
    values.sort((one, other) => one - other);
    return `${name} ${values[rounds >> 1]!.toFixed(1)} (${values[0]!.toFixed(1)}–${values.at(-1)!.toFixed(1)})`;
  });
  process.stdout.write(`${title}: ${columns.join(', ')}\n`);
}

const random = seededRandom(7);
const numbers = {
  'pixels n/255 as doubles (17 digits)': () => Math.floor(random() * 256) / 255,
  'float32 as doubles (17 digits)': () => Math.fround(random()),
  'shortest float32 (8 digits)': () => Number(Math.fround(random()).toPrecision(8)),
  '4 decimals': () => Math.round(random() * 1e4) / 1e4,
  'integers 0-255': () => Math.floor(random() * 256),
};

for (const [kind, next] of Object.entries(numbers)) {
  const data = Array.from({ length: 784 }, next);
  const request = (body: object) => ({
    body: Buffer.from(JSON.stringify(body)),
    contentType: 'application/json',
    inferenceHeaderLength: undefined,
  });
  const oip = request({ inputs: [{ name: 'input', shape: [1, 784], datatype: 'FP32', data }] });
  const v1 = request({ instances: [data] });
  compare(`784 x ${kind}, ${oip.body.length} bytes`, {
    oip: () => parseInferRequest(oip, [surface]),
    v1: () => parsePredictRequest(v1, [surface]),
    'JSON.parse + Float32Array': () =>
      Float32Array.from((JSON.parse(oip.body.toString()) as { inputs: [{ data: number[] }] }).inputs[0].data),
  });
}

const int32 = {
  inputs: ['a', 'b'].map((name) => ({ name, datatype: 'INT32' as const, shape: [-1, 16], batchAxis: 0 })),
};
const pair = Buffer.from(
  JSON.stringify({
    inputs: int32.inputs.map(({ name }) => {
      return {
        name,
        shape: [1, 16],
        datatype: 'INT32',
        data: Array.from({ length: 16 }, () => Math.floor(random() * 1000)),
      };
    }),
  }),
);
compare(`2 x 16 int32, ${pair.length} bytes`, {
  oip: () =>
    parseInferRequest({ body: pair, contentType: undefined, inferenceHeaderLength: undefined }, [
      { ...int32, outputs: [] },
    ]),
  'JSON.parse + Int32Array': () =>
    (JSON.parse(pair.toString()) as { inputs: { data: number[] }[] }).inputs.map(({ data }) => Int32Array.from(data)),
});

const row = Buffer.alloc(784 * 4);
const head = Buffer.from(
  '{"inputs":[{"name":"input","shape":[1,784],"datatype":"FP32","parameters":{"binary_data_size":3136}}],"parameters":{"binary_data_output":true}}',
);
const binary = {
  body: Buffer.concat([head, row]),
  contentType: 'application/octet-stream',
  inferenceHeaderLength: String(head.length),
};
compare('784 float32 in binary', { oip: () => parseInferRequest(binary, [surface]) });

const outputs: Tensors = new Map([
  [
    'output',
    { datatype: 'FP32' as const, shape: [64, 10], data: Float32Array.from({ length: 640 }, () => random() ** 8) },
  ],
]);
const call = { id: undefined, surface: 0, inputs: new Map(), rows: 64, outputs: [{ name: 'output', binary: false }] };
compare('render 640 float32', {
  oip: () => renderInferResponse({ name: 'm', version: '1' }, call, outputs),
  'JSON.stringify as doubles': () =>
    Buffer.from(JSON.stringify(Array.from(outputs.get('output')!.data as Float32Array))),
});
