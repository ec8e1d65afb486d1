/**
 * Where the rows of a run lie in the tensors of a graph, as far as that is certain. Pure.
 *
 *   shared    no row's values are in it: weights, settings, sizes
 *   rows      its slices along one axis are each of one row
 *   mixed     its values depend on several rows, and nothing is likely to take that away again
 *   unknown   anything may be true of it; whatever is computed from it is unknown too
 */

/** Length of an axis: a number, `rows` for the number of rows of the run, null where it is not known. */
export type Length = number | 'rows' | null;

/** An operator that mixes rows, in words for people: `node 'Softmax_12' normalises across the batch axis`. */
export interface Finding {
  readonly text: string;
  /**
   * Whether a later operator may undo the mixing: subtracting the largest value of the whole run before a softmax changes
   * nothing. Rounding and chance can't be undone.
   */
  readonly mayCancel: boolean;
}

export interface Shared {
  readonly kind: 'shared';
  readonly shape: readonly Length[] | null;
  /** Elements of a small one, where they are known. */
  readonly values: readonly Length[] | null;
}
export interface Rows {
  readonly kind: 'rows';
  readonly axis: number;
  readonly shape: readonly Length[];
}
export interface Mixed {
  readonly kind: 'mixed';
  readonly by: Finding;
}
export type Place = Shared | Rows | Mixed | { readonly kind: 'unknown' };

export const unknown: Place = { kind: 'unknown' };
export const sharedOf = (shape: readonly Length[] | null, values: readonly Length[] | null = null): Shared => ({
  kind: 'shared',
  shape,
  values,
});

/** Rows along an axis; unknown where there is no such axis. */
export function rowsAt(axis: number, shape: readonly Length[]): Place {
  return axis >= 0 && axis < shape.length ? { kind: 'rows', axis, shape: shape.with(axis, 'rows') } : unknown;
}

/** Counts an axis from the front. @returns undefined where the tensor has no such axis */
export function fromFront(axis: number, rank: number): number | undefined {
  const front = axis < 0 ? axis + rank : axis;
  return front >= 0 && front < rank ? front : undefined;
}

/** Place of what is computed element by element, the inputs broadcast to one shape. */
export function elementwise(inputs: readonly Place[]): Place {
  if (inputs.some(({ kind }) => kind === 'unknown')) return unknown;
  const mixed = inputs.filter((place) => place.kind === 'mixed');
  const [first] = mixed;
  if (first !== undefined) {
    const certain = mixed.find(({ by }) => !by.mayCancel);
    return certain ?? (mixed.length === 1 ? first : unknown);
  }
  const shapes = inputs.map((place) => (place as Shared | Rows).shape);
  const shape = broadcast(shapes);
  const rows = inputs.filter((place) => place.kind === 'rows');
  if (rows.length === 0) return sharedOf(shape);
  if (shape === null) return unknown;
  // Shapes are aligned at their ends.
  const behind = new Set(rows.map((place) => place.shape.length - place.axis));
  return behind.size === 1 ? rowsAt(shape.length - [...behind][0]!, shape) : unknown;
}

function broadcast(shapes: readonly (readonly Length[] | null)[]): readonly Length[] | null {
  let joined: readonly Length[] = [];
  for (const shape of shapes) {
    if (shape === null) return null;
    const [long, short] = shape.length > joined.length ? [shape, joined] : [joined, shape];
    const offset = long.length - short.length;
    joined = long.map((length, axis) => (axis < offset ? length : joinedLength(length, short[axis - offset]!)));
  }
  return joined;
}

function joinedLength(a: Length, b: Length): Length {
  if (a === 1) return b;
  if (b === 1 || a === b) return a;
  // One of them is a number above 1, which the other is or is stretched to.
  if (a === null) return b;
  return b === null ? a : null;
}
