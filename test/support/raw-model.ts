/** ONNX Runtime itself, one request at a time: what every answer of the system is held against. */
import { InferenceSession, Tensor } from 'onnxruntime-node';

export class RawModel {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  static async load(path: string | URL): Promise<RawModel> {
    const session = await InferenceSession.create(typeof path === 'string' ? path : path.pathname, {
      intraOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    return new RawModel(session);
  }

  /** One row of FP32 into the model's only input; the row of its only output. */
  async row(input: Float32Array): Promise<Float32Array> {
    const { inputNames, outputNames } = this.#session;
    const outputs = await this.#session.run({ [inputNames[0]!]: new Tensor('float32', input, [1, input.length]) });
    return Float32Array.from(outputs[outputNames[0]!]!.data as Float32Array);
  }
}

/** Largest difference of two rows. */
export function distance(one: ArrayLike<number>, other: ArrayLike<number>): number {
  if (one.length !== other.length) return Infinity;
  let largest = 0;
  for (let index = 0; index < one.length; index += 1) {
    const difference = Math.abs(one[index]! - other[index]!);
    // NaN counts as an infinite distance.
    largest = difference <= largest ? largest : Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}
