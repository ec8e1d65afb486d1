/** Valid predict requests of both protocols, by chance: JSON, binary tensors, both mixed, and raw bodies. */
import { deflateSync, gzipSync } from 'node:zlib';
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';
import { bytesElements } from '../support/requests.ts';
import type { Chance } from './chance.ts';
import type { RequestInput } from './input.ts';
import { floatNumber, JsonText, wholeNumber, type Json } from './json-text.ts';
import { models, type ModelSpec, type TensorSpec } from './models.ts';

const jsonTypes = ['application/json', 'application/json; charset=utf-8', 'application/vnd.x+json'];
const texts = [
  'Guten Morgen',
  'Добрый день',
  'Bonjour tout le monde',
  '',
  'a',
  '\ud83d\ude00 \u00e4\u00f6\u00fc \u2028',
  'the quick brown fox',
  '"quoted\\"\n\t',
  '日本語のテキスト',
];

/** @param body `json` for all tensors in JSON, `binary` for some of them behind it */
export function validRequest(chance: Chance, body: 'json' | 'binary'): RequestInput {
  const model = chance.pick(models);
  const made =
    body === 'binary'
      ? binaryBody(chance, model)
      : chance.oneIn(3)
        ? predictBody(chance, model)
        : inferBody(chance, model);
  return encoded(chance, { kind: body, port: 'client', valid: true, ...made });
}

type Made = Pick<RequestInput, 'path' | 'headers' | 'body'>;

function encoded(chance: Chance, request: RequestInput): RequestInput {
  if (!chance.oneIn(20)) return request;
  const coding = chance.pick(['gzip', 'deflate']);
  const body = coding === 'gzip' ? gzipSync(request.body, { level: 1 }) : deflateSync(request.body, { level: 1 });
  return { ...request, body, headers: { ...request.headers, 'content-encoding': coding } };
}

function inferPath(chance: Chance, model: ModelSpec): string {
  const name = chance.oneIn(20) ? Buffer.from(model.name).toString('hex').replaceAll(/../g, '%$&') : model.name;
  return chance.oneIn(10) ? `/v2/models/${name}/versions/1/infer` : `/v2/models/${name}/infer`;
}

const rowsOf = (chance: Chance, { mostRows }: ModelSpec): number => chance.between(1, chance.oneIn(50) ? mostRows : 4);

/** Shape of each input for so many rows. */
function shapeOf(chance: Chance, tensor: TensorSpec, rows: number): number[] {
  const free = chance.oneIn(50) ? chance.between(20, 400) : chance.between(1, 12);
  return [rows, ...tensor.row.map((length) => length ?? free)];
}

const countOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

function inferBody(chance: Chance, model: ModelSpec): Made {
  const text = new JsonText(chance);
  const rows = rowsOf(chance, model);
  const inputs = model.inputs.map((tensor) => {
    const shape = shapeOf(chance, tensor, rows);
    const elements = Array.from({ length: countOf(shape) }, () => elementText(chance, text, tensor.datatype));
    return text.object([
      ...headOf(text, tensor, shape),
      ['data', chance.oneIn(3) ? nested(elements, shape) : elements],
    ]);
  });
  const body = text.write(
    text.object([...idOf(chance, text), ['inputs', inOrder(chance, inputs)], ...outputsOf(chance, text, model)]),
  );
  const type = chance.oneIn(10) ? 'application/octet-stream' : chance.pick(jsonTypes);
  return { path: inferPath(chance, model), headers: { 'content-type': type }, body: Buffer.from(body) };
}

function predictBody(chance: Chance, model: ModelSpec): Made {
  const text = new JsonText(chance);
  const rows = rowsOf(chance, model);
  const columns = model.inputs.map((tensor) => {
    const shape = shapeOf(chance, tensor, rows);
    const base64 = tensor.datatype === 'BYTES' && chance.oneIn(4);
    const elements = Array.from({ length: countOf(shape) }, () => elementText(chance, text, tensor.datatype, base64));
    return { name: tensor.name, rows: nested(elements, shape) };
  });
  const bare = columns.length === 1 && chance.oneIn(2);
  let value: readonly [string, Json];
  if (chance.oneIn(3)) {
    value = [
      'inputs',
      bare
        ? columns[0]!.rows
        : {
            members: inOrder(
              chance,
              columns.map(({ name, rows: data }) => [name, data] as const),
            ),
          },
    ];
  } else if (bare) {
    value = ['instances', columns[0]!.rows];
  } else {
    const instance = (row: number): Json => ({
      members: inOrder(
        chance,
        columns.map(({ name, rows: data }) => [name, (data as readonly Json[])[row]!] as const),
      ),
    });
    value = ['instances', Array.from({ length: rows }, (_, row) => instance(row))];
  }
  const body = text.write(text.object([value]));
  return {
    path: `/v1/models/${model.name}:predict`,
    headers: { 'content-type': chance.pick(jsonTypes) },
    body: Buffer.from(body),
  };
}

function binaryBody(chance: Chance, model: ModelSpec): Made {
  if (model.inputs.length === 1 && chance.oneIn(4)) return rawBody(chance, model);
  const text = new JsonText(chance);
  const rows = rowsOf(chance, model);
  const parts: Buffer[] = [];
  const inputs = inOrder(chance, model.inputs).map((tensor) => {
    const shape = shapeOf(chance, tensor, rows);
    const count = countOf(shape);
    if (chance.oneIn(5)) {
      const elements = Array.from({ length: count }, () => elementText(chance, text, tensor.datatype));
      return text.object([...headOf(text, tensor, shape), ['data', elements]]);
    }
    const bytes = elementBytes(chance, tensor.datatype, count);
    parts.push(bytes);
    const parameters = { members: [['binary_data_size', String(bytes.length)] as const] };
    return text.object([...headOf(text, tensor, shape), ['parameters', parameters]]);
  });
  const head = Buffer.from(
    text.write(text.object([...idOf(chance, text), ['inputs', inputs], ...outputsOf(chance, text, model)])),
  );
  return {
    path: inferPath(chance, model),
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(head.length) },
    body: Buffer.concat([head, ...parts]),
  };
}

/** One row as it is, without a head. */
function rawBody(chance: Chance, model: ModelSpec): Made {
  const { datatype } = model.inputs[0]!;
  const body =
    datatype === 'BYTES' ? Buffer.from(chance.pick(texts)) : elementBytes(chance, datatype, chance.between(1, 12));
  return {
    path: inferPath(chance, model),
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' },
    body,
  };
}

const inOrder = <Item>(chance: Chance, items: readonly Item[]): readonly Item[] =>
  chance.oneIn(4) ? chance.shuffled(items) : items;

function headOf(text: JsonText, { name, datatype }: TensorSpec, shape: readonly number[]): [string, Json][] {
  return [
    ['name', text.string(name)],
    ['datatype', text.string(datatype)],
    ['shape', shape.map(String)],
  ];
}

function idOf(chance: Chance, text: JsonText): [string, Json][] {
  return chance.oneIn(3)
    ? [['id', text.string(chance.pick(['1', '', 'a-b', '\u00e9\ud83d\ude00', 'x'.repeat(200)]))]]
    : [];
}

function outputsOf(chance: Chance, text: JsonText, model: ModelSpec): [string, Json][] {
  const members: [string, Json][] = [];
  if (chance.oneIn(4)) {
    const parameters: [string, Json][] = [['binary_data_output', chance.pick(['true', 'false', 'null'])]];
    if (chance.oneIn(3)) parameters.push(['priority', chance.pick(['1', '5', '9'])]);
    members.push(['parameters', { members: parameters }]);
  }
  if (chance.oneIn(4)) {
    const chosen = chance.shuffled(model.outputs).slice(0, chance.between(1, model.outputs.length));
    const outputs = chosen.map((name) => {
      const parameters: [string, Json][] = chance.oneIn(2)
        ? [['parameters', { members: [['binary_data', chance.pick(['true', 'false'])]] }]]
        : [];
      return text.object([['name', text.string(name)], ...parameters]);
    });
    members.push(['outputs', outputs]);
  }
  return members;
}

/** Elements in brackets by their shape, in row-major order. */
function nested(elements: readonly Json[], shape: readonly number[]): Json {
  let level: readonly Json[] = elements;
  for (const length of shape.slice(1).toReversed()) {
    level = Array.from({ length: level.length / length }, (_, index) =>
      level.slice(index * length, (index + 1) * length),
    );
  }
  return level;
}

/** Ranges of whole numbers by datatype. */
const ranges = {
  UINT8: [0n, 255n],
  UINT16: [0n, 65_535n],
  UINT32: [0n, 4_294_967_295n],
  UINT64: [0n, 18_446_744_073_709_551_615n],
  INT8: [-128n, 127n],
  INT16: [-32_768n, 32_767n],
  INT32: [-2_147_483_648n, 2_147_483_647n],
  INT64: [-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n],
} as const;

function elementText(chance: Chance, text: JsonText, datatype: Datatype, base64 = false): Json {
  switch (datatype) {
    case 'BOOL':
      return chance.pick(['true', 'false', '0', '1']);
    case 'BYTES': {
      const value = chance.pick(texts);
      if (!base64) return text.string(value);
      return { members: [['b64', text.string(Buffer.from(value).toString('base64'))]] };
    }
    case 'FP16':
      return floatNumber(chance, chance.pick([0, -0, 1.5, -2, 65_503.9, 6e-8, 0.1, chance.int(65_000) - 32_000]));
    case 'FP32':
      return floatNumber(
        chance,
        chance.oneIn(4) ? chance.pick([0, -0, 3.4e38, -1e-45, 0.1, 16_777_217]) : (chance.int(2e9) - 1e9) / 1e6,
      );
    case 'FP64':
      return floatNumber(chance, chance.pick([0, -0, 1.7e308, 5e-324, 0.1, Math.PI, chance.int(2e9) / 7]));
    default: {
      const [least, most] = ranges[datatype];
      const value = chance.oneIn(4) ? chance.pick([least, most, 0n]) : BigInt(chance.int(128));
      return wholeNumber(chance, value);
    }
  }
}

function elementBytes(chance: Chance, datatype: Datatype, count: number): Buffer {
  if (datatype === 'BYTES') return bytesElements(...Array.from({ length: count }, () => chance.pick(texts)));
  if (datatype === 'BOOL') return Buffer.from(Array.from({ length: count }, () => chance.int(2)));
  return chance.bytes(count * datatypeBytes[datatype]);
}
