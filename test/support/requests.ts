/** Requests of the wire protocols as clients write them, and what they read in the answers. */
import { Readable } from 'node:stream';
import { Agent, request, type Dispatcher } from 'undici';
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';

export interface Payload {
  readonly body: string | Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
}

export class Client {
  readonly #origin: string;
  readonly #agent: Agent;

  /** @param limitMs after which an answer that hasn't come is a failure */
  constructor(origin: string, { connections = 8, limitMs = 60_000 } = {}) {
    this.#origin = origin;
    this.#agent = new Agent({ connections, headersTimeout: limitMs, bodyTimeout: limitMs });
  }

  async send(
    method: Dispatcher.HttpMethod,
    path: string,
    payload?: { readonly body?: Payload['body'] | Readable; readonly headers?: Payload['headers'] },
  ): Promise<Answer> {
    const { statusCode, headers, body } = await request(`${this.#origin}${path}`, {
      method,
      dispatcher: this.#agent,
      body: payload?.body ?? null,
      headers: payload?.headers ?? {},
    });
    const bytes = Buffer.from(await body.arrayBuffer());
    return { status: statusCode, headers, body: bytes, text: bytes.toString() };
  }

  /** Sends a body in chunks, without a content length. */
  stream(path: string, body: AsyncIterable<Buffer>): Promise<Answer> {
    return this.send('POST', path, { body: Readable.from(body), headers: { 'content-type': 'application/json' } });
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  infer(model: string, payload: Payload): Promise<Answer> {
    return this.send('POST', `/v2/models/${model}/infer`, payload);
  }

  predict(model: string, value: unknown): Promise<Answer> {
    return this.send('POST', `/v1/models/${model}:predict`, json(value));
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

/** @param value JSON as text, or what becomes JSON */
export function json(value: unknown): Payload {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  return { body, headers: { 'content-type': 'application/json' } };
}

/** A JSON head and the bytes behind it. */
export function binary(head: unknown, ...tensors: readonly Buffer[]): Payload {
  const text = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head));
  return {
    body: Buffer.concat([text, ...tensors]),
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(text.length) },
  };
}

/** An input or output as it stands in JSON. */
export interface JsonTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data?: readonly unknown[];
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export function binaryTensor(name: string, datatype: Datatype, shape: readonly number[], bytes: Buffer): JsonTensor {
  return { name, datatype, shape, parameters: { binary_data_size: bytes.length } };
}

export interface InferAnswer {
  readonly id?: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly outputs: readonly (JsonTensor & { readonly bytes?: Buffer })[];
}

/** An answer's JSON with the bytes of each binary output beside it; throws where sizes don't add up. */
export function readInferAnswer({ status, headers, body, text }: Answer): InferAnswer {
  if (status !== 200) throw new Error(`answered ${status}: ${text}`);
  const length = headers['inference-header-content-length'];
  const head = JSON.parse(body.toString('utf8', 0, length === undefined ? body.length : Number(length))) as InferAnswer;
  let position = length === undefined ? body.length : Number(length);
  const outputs = head.outputs.map((output) => {
    const size = output.parameters?.['binary_data_size'];
    if (typeof size !== 'number') return output;
    const bytes = body.subarray(position, position + size);
    position += size;
    const elements = output.shape.reduce((product, axis) => product * axis, 1);
    const each = datatypeBytes[output.datatype];
    if (each !== null && bytes.length !== elements * each) throw new Error(`${output.name} has ${bytes.length} bytes`);
    return { ...output, bytes };
  });
  if (position !== body.length) throw new Error(`${body.length - position} bytes behind the last output`);
  return { ...head, outputs };
}

/** Elements of BYTES as the binary extension has them. */
export function bytesElements(...elements: readonly (string | Buffer)[]): Buffer {
  const parts = elements.flatMap((element) => {
    const bytes = Buffer.from(element);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}

/** The request for `simple` whose sums no other seed has. */
export function simpleInputs(seed = 0, rows = 1): JsonTensor[] {
  return ['INPUT0', 'INPUT1'].map((name, which) => ({
    name,
    datatype: 'INT32',
    shape: [rows, 16],
    data: Array.from({ length: rows * 16 }, (_, index) => (which === 0 ? seed + index : 3 * seed + 1)),
  }));
}

/** For the model `types` of models/author/fixtures.ts: one row of zeros for each datatype but those given as JSON. */
export function typesRequest(given: Readonly<Partial<Record<Datatype, string>>>): string {
  const inputs = (Object.keys(datatypeBytes) as Datatype[]).map((datatype) => {
    const data =
      given[datatype] ?? (datatype === 'BYTES' ? '["",""]' : datatype === 'BOOL' ? '[false,false]' : '[0,0]');
    return `{"name":"${datatype.toLowerCase()}","datatype":"${datatype}","shape":[1,2],"data":${data}}`;
  });
  return `{"inputs":[${inputs.join()}]}`;
}
