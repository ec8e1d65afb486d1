/** What every protocol parses a request into, and what it renders an answer as. Types only. */
import type { Signature, Tensors } from '../tensor.ts';

export interface RequestBody {
  /** Decompressed. */
  readonly body: Buffer;
  readonly contentType: string | undefined;
  /** Value of the Inference-Header-Content-Length header as it came. */
  readonly inferenceHeaderLength: string | undefined;
}

export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
}

export interface InferCall {
  readonly id: string | undefined;
  /** Index of the surface (a signature that clients may address) that the inputs matched. */
  readonly surface: number;
  readonly inputs: Tensors;
  /** Rows along the batch axis; 1 for an unbatchable surface. */
  readonly rows: number;
  /** What to answer, in order; all of the surface's outputs if the client named none. */
  readonly outputs: readonly RequestedOutput[];
  /** Set by the V1 protocol alone, which answers in the layout of the question. */
  readonly predict?: { readonly layout: 'rows' | 'columns'; readonly signature: Signature };
}

export interface Answer {
  readonly contentType: string;
  readonly inferenceHeaderLength: number | undefined;
  readonly body: readonly Buffer[];
}
