/**
 * Parses requests of the Open Inference Protocol, with tensors in JSON, binary, or both.
 *
 * The body is walked once. If an input's name, datatype and shape come before its data, as every client writes them, its
 * elements go straight from the bytes into the tensor.
 */
import { quote, SluiceError } from '../../contract/errors.ts';
import { elementCount } from '../../contract/tensor-data.ts';
import type { Signature, Tensor, TensorSignature } from '../tensor.ts';
import type { InferCall, RequestBody } from './call.ts';
import { checkDatatype, checkShape, countRows, findInput, surfaceWith } from './fit.ts';
import { code, JsonCursor, readShapedData } from './json/json.ts';
import { checkRowCount, checkStringCount, unlimited, type RequestLimits } from './limits.ts';
import { asShape, objectOrNull, once, requestedOutputs, textOrNull, type Members } from './oip-fields.ts';
import { rawCall } from './raw-request.ts';
import { splitBody, type JsonParts } from './request-body.ts';
import { readTensor } from './tensor-bytes.ts';

/** @throws SluiceError of status 400 or 415 */
export function parseInferRequest(
  request: RequestBody,
  surfaces: readonly Signature[],
  limits: RequestLimits = unlimited,
): InferCall {
  const parts = splitBody(request);
  if (parts.kind === 'raw') return rawCall(parts.binary, surfaces);
  return new OipRequest(parts, surfaces, limits).parse();
}

/** An input whose members are being read; `undefined` ones are not read yet. */
interface InputDraft {
  name: string | undefined;
  datatype: unknown;
  shape: readonly number[] | undefined;
  parameters: Members | undefined;
  tensor: Tensor | undefined;
  /** Position of data that came before the members needed to read them. */
  deferred: number | undefined;
}

class OipRequest {
  readonly #cursor: JsonCursor;
  readonly #binary: Buffer;
  readonly #hasHeaderLength: boolean;
  readonly #surfaces: readonly Signature[];
  readonly #limits: RequestLimits;
  readonly #inputs = new Map<string, Tensor>();
  #binaryUsed = 0;
  #surface: number | undefined;
  #id: string | undefined;
  #parameters: Members | undefined;
  #outputs: unknown;

  constructor({ json, binary, hasHeaderLength }: JsonParts, surfaces: readonly Signature[], limits: RequestLimits) {
    this.#cursor = new JsonCursor(json);
    this.#binary = binary;
    this.#hasHeaderLength = hasHeaderLength;
    this.#surfaces = surfaces;
    this.#limits = limits;
  }

  parse(): InferCall {
    const cursor = this.#cursor;
    if (cursor.peek() === -1) throw new SluiceError('invalid-json', 'the body is empty, it must be a JSON object');
    if (cursor.peek() !== code.openObject) {
      throw new SluiceError('invalid-request', `the body must be a JSON object, was: ${quote(cursor.value())}`);
    }
    let seen = 0;
    cursor.object((key) => {
      switch (key) {
        case 'id':
          seen = once(seen, 1, 'the body', key);
          this.#id = textOrNull('id', cursor.value());
          break;
        case 'parameters':
          seen = once(seen, 2, 'the body', key);
          this.#parameters = objectOrNull('parameters', cursor.value());
          break;
        case 'inputs':
          seen = once(seen, 4, 'the body', key);
          if (cursor.peek() !== code.openArray) {
            throw new SluiceError('invalid-request', `inputs: must be an array, was: ${quote(cursor.value())}`);
          }
          cursor.array((index) => this.#input(index));
          break;
        case 'outputs':
          seen = once(seen, 8, 'the body', key);
          this.#outputs = cursor.value();
          break;
        default:
          cursor.passValue();
      }
    });
    cursor.finish();
    if (this.#surface === undefined) throw new SluiceError('invalid-request', 'inputs: is missing or empty');
    if (this.#binaryUsed !== this.#binary.length) {
      throw new SluiceError(
        'invalid-binary',
        `unexpected additional input data: ${this.#binary.length - this.#binaryUsed} bytes after the last binary input`,
      );
    }
    const surface = this.#surfaces[this.#surface]!;
    const call: InferCall = {
      id: this.#id,
      surface: this.#surface,
      inputs: this.#inputs,
      rows: countRows(surface, this.#inputs),
      outputs: requestedOutputs(surface, this.#outputs, this.#parameters),
    };
    return this.#parameters === undefined ? call : { ...call, parameters: this.#parameters };
  }

  #input(index: number): void {
    const cursor = this.#cursor;
    const where = `inputs[${index}]`;
    if (cursor.peek() !== code.openObject) {
      throw new SluiceError('invalid-request', `${where}: must be an object, was: ${quote(cursor.value())}`);
    }
    const draft: InputDraft = {
      name: undefined,
      datatype: undefined,
      shape: undefined,
      parameters: undefined,
      tensor: undefined,
      deferred: undefined,
    };
    let seen = 0;
    cursor.object((key) => {
      switch (key) {
        case 'name': {
          seen = once(seen, 1, where, key);
          const name = cursor.value();
          if (typeof name !== 'string') {
            throw new SluiceError('invalid-request', `${where}: name must be a string, was: ${quote(name)}`);
          }
          draft.name = name;
          break;
        }
        case 'datatype':
          seen = once(seen, 2, where, key);
          draft.datatype = cursor.value();
          break;
        case 'shape':
          seen = once(seen, 4, where, key);
          draft.shape = asShape(draft.name === undefined ? where : `input '${draft.name}'`, cursor.value());
          break;
        case 'parameters':
          seen = once(seen, 8, where, key);
          draft.parameters = objectOrNull(`${where}: parameters`, cursor.value());
          break;
        case 'data':
          seen = once(seen, 16, where, key);
          this.#data(draft);
          break;
        default:
          cursor.passValue();
      }
    });
    this.#finishInput(where, draft);
  }

  #data(draft: InputDraft): void {
    const cursor = this.#cursor;
    if (cursor.peek() === 0x6e) {
      // The n of null, which serialisers write for absent data; no other JSON value begins with it.
      cursor.value();
    } else if (draft.name === undefined || draft.datatype === undefined || draft.shape === undefined) {
      draft.deferred = cursor.skipValue();
    } else {
      draft.tensor = this.#readData(this.#match(draft.name, draft.datatype, draft.shape), draft.shape);
    }
  }

  #finishInput(where: string, draft: InputDraft): void {
    const { name, datatype, shape } = draft;
    if (name === undefined) throw new SluiceError('invalid-request', `${where}: name is missing`);
    if (datatype === undefined) throw new SluiceError('invalid-request', `input '${name}': datatype is missing`);
    if (shape === undefined) throw new SluiceError('invalid-request', `input '${name}': shape is missing`);
    const input = this.#match(name, datatype, shape);
    const size = draft.parameters?.['binary_data_size'] ?? undefined;
    const hasData = draft.tensor !== undefined || draft.deferred !== undefined;
    if (size !== undefined && hasData) {
      throw new SluiceError('invalid-request', `input '${name}': has both data and binary_data_size`);
    }
    let tensor = draft.tensor;
    if (draft.deferred !== undefined) tensor = this.#readDeferred(input, shape, draft.deferred);
    if (size !== undefined) tensor = this.#readBinary(input, shape, size);
    if (tensor === undefined) {
      const shared = draft.parameters?.['shared_memory_region'] !== undefined;
      throw new SluiceError(
        'invalid-request',
        shared
          ? `input '${name}': shared memory is not supported, send data`
          : `input '${name}': has neither data nor parameters.binary_data_size`,
      );
    }
    if (this.#inputs.has(name)) throw new SluiceError('invalid-request', `input '${name}': appears twice`);
    this.#inputs.set(name, tensor);
  }

  /** Finds the model's input that the members describe. The first input of a request decides the surface. */
  #match(name: string, datatype: unknown, shape: readonly number[]): TensorSignature {
    this.#surface ??= surfaceWith(name, this.#surfaces);
    const input = findInput(this.#surfaces[this.#surface]!, name);
    checkDatatype(input, datatype);
    checkShape(input, shape);
    // A shape of more elements than the body has bytes is refused where the data are read.
    const elements = elementCount(shape);
    if (elements <= this.#cursor.bytes.length + this.#binary.length) {
      if (input.batchAxis !== null) checkRowCount(this.#limits, shape[input.batchAxis]!);
      checkStringCount(input, elements);
    }
    return input;
  }

  #readData(input: TensorSignature, shape: readonly number[]): Tensor {
    const { name, datatype } = input;
    return { datatype, shape, data: readShapedData(this.#cursor, `input '${name}'`, datatype, shape) };
  }

  #readDeferred(input: TensorSignature, shape: readonly number[], start: number): Tensor {
    const cursor = this.#cursor;
    const resume = cursor.position;
    cursor.position = start;
    const tensor = this.#readData(input, shape);
    cursor.position = resume;
    return tensor;
  }

  #readBinary(input: TensorSignature, shape: readonly number[], size: unknown): Tensor {
    const label = `input '${input.name}'`;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      throw new SluiceError(
        'invalid-request',
        `${label}: binary_data_size must be a number of bytes, was: ${quote(size)}`,
      );
    }
    const remaining = this.#binary.length - this.#binaryUsed;
    if (size > remaining) {
      const hint = this.#hasHeaderLength ? '' : ' (the request has no Inference-Header-Content-Length)';
      throw new SluiceError(
        'invalid-binary',
        `${label}: unexpected size, binary_data_size is ${size} where ${remaining} bytes remain${hint}`,
      );
    }
    const bytes = this.#binary.subarray(this.#binaryUsed, this.#binaryUsed + size);
    this.#binaryUsed += size;
    return readTensor(label, input.datatype, shape, bytes);
  }
}
