/**
 * Messages between a pod and the child process of a transform: what they say, and how they lie in frames (frames.ts). Both ends
 * are Sluice's own code.
 */
import { frameOf, packTensors, unpackTensors, type Layout } from './frames.ts';
import type { Signature, Tensors } from '../tensor.ts';
import type { RequestParameters } from './transform.ts';

export type Step = 'before' | 'after';

export type ToChild =
  /** Imports the module; sent once the kernel's limits are set. */
  | { readonly kind: 'import'; readonly file: string; readonly timeoutMs: number }
  | ({
      readonly kind: 'calls';
      readonly step: Step;
      readonly ids: readonly number[];
      /** Parameters of each call, null for one without; absent where no call has any. */
      readonly parameters?: readonly (RequestParameters | null)[];
    } & Layout);

export type FromChild =
  /** The process runs, and nothing of the user is imported yet. */
  | { readonly kind: 'started' }
  | {
      readonly kind: 'up';
      readonly surface: Signature;
      /** Files of the user that were loaded, without those in node_modules, each with its state before that. */
      readonly files: readonly (readonly [string, string])[];
      readonly cpuUs: number;
    }
  /** The module can't be used, for this reason. */
  | { readonly kind: 'unusable'; readonly reason: string; readonly files: readonly (readonly [string, string])[] }
  | ({
      readonly kind: 'outcomes';
      /** Calls that were converted, whose tensors are in the body. */
      readonly ids: readonly number[];
      readonly others: readonly {
        readonly id: number;
        readonly kind: 'refused' | 'failed';
        readonly message: string;
      }[];
      /** Processor time of the process since its start, all threads. */
      readonly cpuUs: number;
    } & Layout);

/** The end of one call. A refusal is the client's fault, and a failure the transform's. */
export type Outcome =
  | { readonly kind: 'converted'; readonly tensors: Tensors }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

export interface Call {
  readonly id: number;
  readonly tensors: Tensors;
  /** Parameters of the request; undefined where it has none. */
  readonly parameters?: RequestParameters | undefined;
}

export interface EndedCall {
  readonly id: number;
  readonly outcome: Outcome;
}

export function messageFrame(message: ToChild | FromChild): Buffer {
  return frameOf(message, null);
}

export function callsFrame(step: Step, calls: readonly Call[]): Buffer {
  const packed = packTensors(calls.map(({ tensors }) => tensors));
  const message: ToChild = { kind: 'calls', step, ids: calls.map(({ id }) => id), ...packed.layout };
  if (calls.every(({ parameters }) => parameters === undefined)) return frameOf(message, packed);
  return frameOf({ ...message, parameters: calls.map(({ parameters }) => parameters ?? null) }, packed);
}

export function outcomesFrame(ended: readonly EndedCall[], cpuUs: number): Buffer {
  const ids: number[] = [];
  const converted: Tensors[] = [];
  const others: Extract<FromChild, { kind: 'outcomes' }>['others'][number][] = [];
  for (const { id, outcome } of ended) {
    if (outcome.kind === 'converted') {
      ids.push(id);
      converted.push(outcome.tensors);
    } else {
      others.push({ id, kind: outcome.kind, message: outcome.message });
    }
  }
  const packed = packTensors(converted);
  const message: FromChild = { kind: 'outcomes', ids, others, cpuUs, ...packed.layout };
  return frameOf(message, packed);
}

export function readCalls(message: Extract<ToChild, { kind: 'calls' }>, body: Buffer): Call[] {
  return unpackTensors(message, body).map((tensors, index) => {
    const parameters = message.parameters?.[index] ?? undefined;
    return { id: message.ids[index]!, tensors, parameters };
  });
}

export function readOutcomes(message: Extract<FromChild, { kind: 'outcomes' }>, body: Buffer): EndedCall[] {
  const ended: EndedCall[] = unpackTensors(message, body).map((tensors, index) => ({
    id: message.ids[index]!,
    outcome: { kind: 'converted', tensors },
  }));
  for (const { id, kind, message: text } of message.others) ended.push({ id, outcome: { kind, message: text } });
  return ended;
}
