/** Requests for the models that come with Sluice; seeded, so that every run sends the same bytes. */
import { headers as headerNames, mediaTypes } from '../../../contract/headers.ts';
import { seededRandom } from '../../../runtime/seeded-random.ts';
import type { Workload } from '../../load-test/workload.ts';
import { sentences } from '../../../models/zoo/langid/sentences.ts';

export interface RowInput {
  readonly model: string;
  readonly input: string;
  readonly width: number;
}

export const rowInputs = {
  langid: { model: 'langid', input: 'features', width: 620 },
  mlp: { model: 'mlp', input: 'input', width: 784 },
  wide: { model: 'wide', input: 'input', width: 512 },
} as const satisfies Record<string, RowInput>;

/** Number of different bodies: answers differ, and hundreds of connections need little memory for them. */
const distinctBodies = 8;

/** Requests of `count` rows by the binary tensor extension: input and answer are raw FP32 behind a JSON head. */
export function binaryRows({ model, input, width }: RowInput, count = 1): Workload {
  const head = Buffer.from(
    JSON.stringify({
      inputs: [
        {
          name: input,
          shape: [count, width],
          datatype: 'FP32',
          parameters: { binary_data_size: 4 * count * width },
        },
      ],
      parameters: { binary_data_output: true },
    }),
  );
  return {
    model,
    path: `/v2/models/${model}/infer`,
    headers: {
      'content-type': mediaTypes.binary,
      [headerNames.inferenceHeaderLength]: String(head.length),
    },
    bodies: randomRows(count * width).map((row) => Buffer.concat([head, Buffer.from(row.buffer)])),
  };
}

/** Single-row JSON requests, with all digits of a double, as `json.dumps` and `JSON.stringify` write them. */
export function jsonRows({ model, input, width }: RowInput): Workload {
  return {
    model,
    path: `/v2/models/${model}/infer`,
    headers: { 'content-type': mediaTypes.json },
    bodies: randomRows(width).map((row) =>
      Buffer.from(
        JSON.stringify({ inputs: [{ name: input, shape: [1, width], datatype: 'FP32', data: Array.from(row) }] }),
      ),
    ),
  };
}

/** KServe V1 requests of one sentence each. */
export function langidTexts(): Workload {
  return {
    model: 'langid',
    path: '/v1/models/langid:predict',
    headers: { 'content-type': mediaTypes.json },
    bodies: Object.values(sentences)
      .slice(0, distinctBodies)
      .map((sentence) => Buffer.from(JSON.stringify({ instances: [sentence] }))),
  };
}

export function randomRows(width: number): Float32Array[] {
  const random = seededRandom(width);
  return Array.from({ length: distinctBodies }, () => Float32Array.from({ length: width }, random));
}
