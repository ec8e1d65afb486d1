/**
 * The package path `sluice/transform`, which a `transform.ts` beside a model may import: its types, and the error that becomes
 * a 400. Nothing else of Sluice is needed, and it works in a model folder anywhere.
 *
 * The module exports `transform`: it converts the tensors that clients send (text, say) to the model's, and the model's
 * outputs to those that clients get. It runs in a child process of the pod, one for each model, several requests at once.
 * Requests that name the model's own inputs skip it.
 */
import type { Datatype } from '../../contract/datatypes.ts';
import type { Tensor, Tensors } from '../tensor.ts';

export type { Datatype, Tensor, Tensors };

/** `parameters` of a request: any JSON. */
export type RequestParameters = Readonly<Record<string, unknown>>;

/** One tensor that clients send or get. Its rows lie along the first axis. */
export interface ClientTensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1 where the length varies, as that of the first axis does. */
  readonly shape: readonly number[];
  readonly batchAxis?: 0;
}

type Converted<Value> = Value | Promise<Value>;

/**
 * Converts several requests in one call.
 * @param parameters of each request, in order
 * @returns one result for each, in order; a BadInput refuses that request only
 */
export type ConvertAll = (
  requests: readonly Tensors[],
  parameters: readonly RequestParameters[],
) => Converted<readonly (Tensors | Error)[]>;

/** `before` may be left out where there is `beforeAll`, and `after` where there is `afterAll`. */
export interface Transform {
  /** Tensors that clients send. */
  readonly inputs: readonly ClientTensor[];
  /** Tensors that clients get. */
  readonly outputs: readonly ClientTensor[];
  /**
   * Converts `inputs` to the model's inputs, with the same number of rows.
   * @param parameters of the request, as the client sent them, unchecked; empty without any
   */
  before?(inputs: Tensors, parameters: RequestParameters): Converted<Tensors>;
  /** Converts the model's outputs to `outputs`, with the same number of rows. */
  after?(outputs: Tensors, parameters: RequestParameters): Converted<Tensors>;
  /** Takes the place of `before` where it is cheaper to convert what came together. */
  readonly beforeAll?: ConvertAll;
  /** Takes the place of `after` likewise. */
  readonly afterAll?: ConvertAll;
}

/** Unusable input of a client, who is answered 400 with the text. */
export class BadInput extends Error {
  override readonly name = 'BadInput';
}
