/** Types that all protocols share: the body they parse, the call they parse it into, the answer they render. */
import type { Signature, Tensors } from '../tensor.ts';

export interface RequestBody {
  /** The body, decompressed. */
  readonly body: Buffer;
  readonly contentType: string | undefined;
  /** Value of the Inference-Header-Content-Length header, unchecked. */
  readonly inferenceHeaderLength: string | undefined;
}

export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
  /** Classes that are wanted in its place, those of the highest values; absent where the values are. */
  readonly classes?: number;
}

/** A request without its tensors. */
export interface ParsedCall {
  readonly id: string | undefined;
  /** Index of the signature that the inputs matched, among those that clients may address (`ServedModel.surfaces`). */
  readonly surface: number;
  /** Rows along the batch axis; 1 if the model isn't batched. */
  readonly rows: number;
  /** Outputs to answer, in order; all of them if the client named none. */
  readonly outputs: readonly RequestedOutput[];
  /** Any JSON; absent without any, and where the request is for no transform: nothing else looks at them. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Set only by the V1 protocol, which answers in the layout of the request. */
  readonly predict?: PredictLayout;
}

export interface PredictLayout {
  readonly layout: 'rows' | 'columns';
  readonly signature: Signature;
  /** Instances along the first axis of every tensor of a model without rows, which takes them together; absent otherwise. */
  readonly instances?: number;
}

export interface InferCall extends ParsedCall {
  readonly inputs: Tensors;
}

export interface Answer {
  readonly contentType: string;
  readonly inferenceHeaderLength: number | undefined;
  readonly body: readonly Buffer[];
}
