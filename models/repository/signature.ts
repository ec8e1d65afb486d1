/**
 * Derives from the tensors that an ONNX file declares which axis of each is the batch axis, or why requests can't share a
 * run. Pure functions.
 */
import type { TensorSpec } from '../../contract/pod-status.ts';
import type { ModelConfig } from './model-config.ts';
import type { Signature, TensorSignature } from '../tensor.ts';

/** A tensor as the ONNX file declares it. */
export interface FileTensor extends TensorSpec {
  /** Name of each axis; null if its length is fixed or it has no name. Axes of one name have one length. */
  readonly axisNames: readonly (string | null)[];
  /** Whether the file declares no shape, not even a number of axes. `shape` is empty then. */
  readonly anyShape?: true;
  /** Names of the classes along the last axis, where the file has them. */
  readonly labels?: readonly string[];
}

export interface FileSignature {
  readonly inputs: readonly FileTensor[];
  readonly outputs: readonly FileTensor[];
}

type DeclaredTensor = TensorSpec & Pick<FileTensor, 'anyShape'>;

interface Declared {
  readonly inputs: readonly DeclaredTensor[];
  readonly outputs: readonly DeclaredTensor[];
}

export interface Batchability {
  /** Tensors with their batch axes. All axes are null for a model that can't be batched: a request then is one row. */
  readonly signature: Signature;
  /** Null if requests may be stacked. */
  readonly unbatchedReason: string | null;
}

/** Every contradiction between a config.yaml and its ONNX file. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError';
}

/** @throws SignatureError */
export function batchability(file: Declared, config: Pick<ModelConfig, 'inputs' | 'outputs'>): Batchability {
  const contradictions = [
    ...checkOverrides('inputs', file.inputs, config.inputs),
    ...checkOverrides('outputs', file.outputs, config.outputs),
  ];
  if (contradictions.length > 0) throw new SignatureError(`config.yaml: ${contradictions.join('; ')}`);

  const inputs = file.inputs.map((spec) => withAxis(spec, config.inputs?.[spec.name]?.batchAxis));
  const outputs = file.outputs.map((spec) => withAxis(spec, config.outputs?.[spec.name]?.batchAxis));
  const unbatchedReason =
    inputs.map((tensor) => obstacle('input', tensor)).find((reason) => reason !== null) ??
    outputs.map((tensor) => obstacle('output', tensor)).find((reason) => reason !== null) ??
    (inputs.some(({ batchAxis }) => batchAxis !== null) ? null : 'no input has a batch axis') ??
    (outputs.some(({ batchAxis }) => batchAxis !== null) ? null : 'no output has a batch axis');
  if (unbatchedReason === null) return { signature: { inputs, outputs }, unbatchedReason };
  return { signature: unbatched(file), unbatchedReason };
}

/** The signature of a file whose requests each run alone: no tensor has a batch axis. */
export function unbatched(file: Declared): Signature {
  const alone = (spec: DeclaredTensor): TensorSignature => ({ ...ofFile(spec), batchAxis: null });
  return { inputs: file.inputs.map(alone), outputs: file.outputs.map(alone) };
}

/** Why requests can't share a run whatever is tried: rows of an input of any shape can lie along any axis, or none. Null if they may. */
export function shapelessInput({ inputs }: Declared): string | null {
  const found = inputs.find(({ anyShape }) => anyShape);
  return found === undefined ? null : noShape('input', found.name);
}

const noShape = (role: string, name: string): string => `${role} '${name}' has no shape in the file`;

function ofFile({ name, datatype, shape, anyShape }: DeclaredTensor): Omit<TensorSignature, 'batchAxis'> {
  return { name, datatype, shape, ...(anyShape === true && { anyShape }) };
}

function withAxis(spec: DeclaredTensor, override: number | null | undefined): TensorSignature {
  const { name, datatype } = spec;
  if (override === undefined) return { ...ofFile(spec), batchAxis: 0 };
  if (override === null) return { ...ofFile(spec), batchAxis: null };
  // A person's setting wins over the file: exporters often write a fixed length for an output that varies.
  return { name, datatype, shape: spec.shape.with(override, -1), batchAxis: override };
}

function obstacle(role: 'input' | 'output', { name, shape, anyShape, batchAxis }: TensorSignature): string | null {
  if (batchAxis === null) return null;
  if (anyShape === true) return noShape(role, name);
  const length = shape[batchAxis];
  if (length === undefined) return `${role} '${name}' has no dimensions`;
  if (length !== -1) return `${role} '${name}' has a fixed first dimension of ${length}`;
  return null;
}

function checkOverrides(
  role: 'inputs' | 'outputs',
  specs: readonly TensorSpec[],
  overrides: ModelConfig['inputs'],
): string[] {
  const errors: string[] = [];
  for (const [name, { batchAxis }] of Object.entries(overrides ?? {})) {
    const spec = specs.find((candidate) => candidate.name === name);
    const where = `/${role}/${name}`;
    if (spec === undefined) {
      errors.push(`${where}: the model has no such tensor, only ${specs.map((other) => other.name).join(', ')}`);
    } else if (typeof batchAxis === 'number') {
      const length = spec.shape[batchAxis];
      const shape = JSON.stringify(spec.shape);
      if (length === undefined) errors.push(`${where}/batchAxis: shape ${shape} has no axis ${batchAxis}`);
      else if (length !== -1 && role === 'inputs') {
        errors.push(`${where}/batchAxis: axis ${batchAxis} of shape ${shape} is fixed at ${length}`);
      }
    }
  }
  return errors;
}
