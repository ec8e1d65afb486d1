/** Wire forms of a row and its answer: peers differ in these, while the numbers are the same. Pure. */
import { randomRows, type RowInput } from '../rig/bodies.ts';
import type { Workload } from '../../load-test/workload.ts';
import { mediaTypes } from '../../../contract/headers.ts';

export interface PeerProtocol {
  /** Name in the results. */
  readonly name: 'JSON' | 'binary';
  readonly contentType: string;
  readonly path: (model: string) => string;
  readonly encode: (row: Float32Array, input: RowInput) => Buffer;
  /** Numbers of the answered row. @throws Error where the answer has another form */
  readonly decode: (answer: Buffer) => readonly number[];
}

export function workloadOf(protocol: PeerProtocol, input: RowInput): Workload {
  return {
    model: input.model,
    path: protocol.path(input.model),
    headers: { 'content-type': protocol.contentType },
    bodies: randomRows(input.width).map((row) => protocol.encode(row, input)),
  };
}

/** A JSON protocol. @param ask makes the value of a request @param read takes the numbers from the value of an answer */
export function jsonProtocol(
  path: PeerProtocol['path'],
  ask: (row: readonly number[], input: RowInput) => unknown,
  read: (answer: unknown) => unknown,
): PeerProtocol {
  return {
    name: 'JSON',
    contentType: mediaTypes.json,
    path,
    encode: (row, input) => Buffer.from(JSON.stringify(ask(Array.from(row), input))),
    decode: (answer) => numbers(read(JSON.parse(answer.toString()))),
  };
}

/** KServe V1's form: rows as lists. */
export function instances(path: PeerProtocol['path']): PeerProtocol {
  return jsonProtocol(
    path,
    (row) => ({ instances: [row] }),
    (answer) => (answer as { predictions?: unknown[] }).predictions?.[0],
  );
}

export const openInference: PeerProtocol = jsonProtocol(
  (model) => `/v2/models/${model}/infer`,
  (row, { input, width }) => ({ inputs: [{ name: input, shape: [1, width], datatype: 'FP32', data: row }] }),
  (answer) => (answer as { outputs?: { data?: unknown }[] }).outputs?.[0]?.data,
);

/** Little-endian floats of a row and nothing else, both ways: the smallest possible binary protocol. */
export function rawFloats(path: PeerProtocol['path']): PeerProtocol {
  return {
    name: 'binary',
    contentType: mediaTypes.binary,
    path,
    encode: (row) => Buffer.from(row.buffer, row.byteOffset, row.byteLength),
    decode: (answer) => {
      if (answer.length === 0 || answer.length % 4 !== 0) throw new Error(`${answer.length} bytes are no floats`);
      return Array.from({ length: answer.length / 4 }, (_, index) => answer.readFloatLE(4 * index));
    },
  };
}

function numbers(value: unknown): readonly number[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every((one) => typeof one === 'number')) {
    throw new Error(`no row of numbers in the answer: ${JSON.stringify(value)}`);
  }
  return value;
}

/** Largest difference between the numbers of two answers; Infinity where their lengths differ. */
export function largestDifference(one: readonly number[], other: readonly number[]): number {
  if (one.length !== other.length) return Infinity;
  return Math.max(...one.map((value, index) => Math.abs(value - other[index]!)));
}
