/**
 * Where rows may lie in the tensors of a model: hypotheses for the proof to try, from the names of the axes in the ONNX file,
 * and the axis of each output, from what runs gave back. Pure.
 */
import type { FileTensor } from '../repository/signature.ts';
import type { Tensor } from '../tensor.ts';

/** The batch axis of each input, by name; null for an input that all rows of a run share. */
export type InputAxes = ReadonlyMap<string, number | null>;

/**
 * Hypotheses, the likeliest first: axis 0 of every input that has a free one there; then each name of an axis that stands once
 * in an input, wherever that is (a state of `[2, batch, 16]`, a batch that comes last); then the first free axis of every
 * input, for files that name none.
 */
export function hypotheses(inputs: readonly FileTensor[]): InputAxes[] {
  const found: InputAxes[] = [];
  const add = (axes: InputAxes): void => {
    const some = [...axes.values()].some((axis) => axis !== null);
    if (some && !found.some((other) => sameAxes(axes, other))) found.push(axes);
  };
  const first = inputs.map(({ axisNames: [name] }) => name).find((name) => name !== undefined && name !== null);
  if (first !== undefined) add(axesNamed(inputs, first));
  add(new Map(inputs.map(({ name, shape }) => [name, shape[0] === -1 ? 0 : null])));
  for (const name of new Set(inputs.flatMap(({ axisNames }) => axisNames))) {
    if (name !== null) add(axesNamed(inputs, name));
  }
  add(new Map(inputs.map(({ name, shape }) => [name, shape.includes(-1) ? shape.indexOf(-1) : null])));
  return found;
}

/** Null for an input that has no axis of this name, or has it twice: then its rows are not each other's strangers. */
function axesNamed(inputs: readonly FileTensor[], wanted: string): InputAxes {
  return new Map(
    inputs.map(({ name, axisNames }) => {
      const axis = axisNames.indexOf(wanted);
      return [name, axis === -1 || axis !== axisNames.lastIndexOf(wanted) ? null : axis];
    }),
  );
}

function sameAxes(a: InputAxes, b: InputAxes): boolean {
  return [...a].every(([name, axis]) => b.get(name) === axis);
}

/**
 * The axis along which an output has the rows of its run: of length 1 alone and `rows` together, with all else equal.
 *
 * @returns undefined where there is no such axis, or more than one
 */
export function outputAxis(alone: Tensor, together: Tensor, rows: number): number | undefined {
  if (alone.shape.length !== together.shape.length) return undefined;
  const changed = alone.shape.flatMap((length, axis) => (together.shape[axis] === length ? [] : [axis]));
  const [axis] = changed;
  if (axis === undefined || changed.length > 1) return undefined;
  return alone.shape[axis] === 1 && together.shape[axis] === rows ? axis : undefined;
}
