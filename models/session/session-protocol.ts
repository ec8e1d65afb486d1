/** Messages between the main thread and a session worker. A worker has one run at a time, so runs carry no number. */
import type { Datatype } from '../../contract/datatypes.ts';
import type { RuntimeSettings } from '../repository/model-config.ts';
import type { FileSignature } from '../repository/signature.ts';

interface Wire {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** An input in the shared memory of the run: numbers, or the bytes of all elements of BYTES one after the other. */
export interface WireInput extends Wire {
  readonly offset: number;
  readonly byteLength: number;
  /** End of each element of BYTES, in bytes from `offset`. ONNX Runtime takes strings: making them of bytes is the worker's. */
  readonly ends?: Uint32Array;
}

/** An output whose buffer is transferred; FP16 is its bits in a Uint16Array. */
export interface WireOutput extends Wire {
  readonly data: ArrayBufferView;
  /** End of each element of BYTES within `data`. */
  readonly ends?: Uint32Array;
}

export interface LoadOptions {
  readonly threads: number;
  /** Least duration of a run, slept. */
  readonly delayRunMs: number;
  readonly delayRowMs: number;
  /** Further settings of ONNX Runtime, by the names of config.yaml. */
  readonly runtime?: RuntimeSettings;
  /** Path, without its ending, that the optimised graph is written to. */
  readonly optimizedModel?: string;
}

export type ToWorker =
  | { readonly kind: 'load'; readonly sequence: number; readonly file: string; readonly options: LoadOptions }
  /** The session is run no more. */
  | { readonly kind: 'release'; readonly session: number }
  /** Memory for the inputs of all runs from now on. */
  | { readonly kind: 'memory'; readonly memory: SharedArrayBuffer }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly rows: number;
      readonly inputs: readonly WireInput[];
      /** Skips the simulated delay of LoadOptions: the run shows what the model computes, not how long clients wait. */
      readonly undelayed?: true;
    }
  | { readonly kind: 'close' };

export type FromWorker =
  | {
      readonly kind: 'loaded';
      readonly sequence: number;
      readonly session: number;
      readonly signature: FileSignature;
      /** Outputs that are not tensors (sequences, maps) and are left out. */
      readonly leftOut: readonly string[];
      /** Version of ONNX Runtime, with the execution provider that runs the session. */
      readonly runtime: string;
    }
  | { readonly kind: 'load-failed'; readonly sequence: number; readonly message: string }
  | ({ readonly kind: 'ran'; readonly outputs: readonly WireOutput[] } & RunTime)
  | ({ readonly kind: 'run-failed'; readonly message: string } & RunTime);

export interface RunTime {
  /** From the run's begin to its end, the simulated delay included. */
  readonly runUs: number;
  /** Processor time of the worker's thread, which a busy machine and a simulated delay leave as it is. */
  readonly cpuUs: number;
}
