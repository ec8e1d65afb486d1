/** What the main thread and the session worker say to each other. One run at a time, so runs carry no number. */
import type { Datatype } from '../contract/datatypes.ts';
import type { FileSignature } from './signature.ts';

/** FP16 crosses as the bits in a Uint16Array and BYTES as strings, since those are what ONNX Runtime takes. */
export interface WireTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView | readonly string[];
}

export interface LoadOptions {
  readonly threads: number;
  /** Least duration of a run, slept. */
  readonly delayRunMs: number;
  readonly delayRowMs: number;
}

export type ToWorker =
  | { readonly kind: 'load'; readonly sequence: number; readonly file: string; readonly options: LoadOptions }
  | { readonly kind: 'run'; readonly session: number; readonly rows: number; readonly inputs: readonly WireTensor[] }
  | { readonly kind: 'close' };

export type FromWorker =
  | {
      readonly kind: 'loaded';
      readonly sequence: number;
      readonly session: number;
      readonly signature: FileSignature;
      /** Outputs that are no tensors (sequences, maps) and are left out. */
      readonly leftOut: readonly string[];
    }
  | { readonly kind: 'load-failed'; readonly sequence: number; readonly message: string }
  | { readonly kind: 'ran'; readonly outputs: readonly WireTensor[]; readonly runUs: number }
  | { readonly kind: 'run-failed'; readonly message: string; readonly runUs: number };
