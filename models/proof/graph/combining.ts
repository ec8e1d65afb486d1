/** Rules of operators that combine tensors, element by element or as matrices. Pure. */
import { elementwise, rowsAt, sharedOf, unknown, type Length } from './places.ts';
import { given, intOf, multiplied, type Rule } from './rule.ts';

/** Rule for operators that leave each tensor as it is, or change each element by itself. */
export const same: Rule = (call) => elementwise(given(call));

export const multiply: Rule = (call) => multiplied(given(call));

export const where: Rule = (call) => {
  const places = given(call);
  // The condition may always choose the other one.
  if (call.inputs[0]?.kind === 'shared' && places.some(({ kind }) => kind === 'mixed')) return unknown;
  return elementwise(places);
};

export const matMul: Rule = (call) => {
  const [a, b] = [call.inputs[0] ?? unknown, call.inputs[1] ?? unknown];
  // Zero points of the integer form are shared, or mixed by the quantisation that gave the input.
  if (call.inputs.slice(2).some((place) => place?.kind === 'unknown' || place?.kind === 'rows')) return unknown;
  if (a.kind === 'unknown' || b.kind === 'unknown') return unknown;
  if (a.kind === 'mixed' || b.kind === 'mixed') return multiplied([a, b]);
  const shapeOf = ({ shape }: typeof a) => shape;
  const [left, right] = [shapeOf(a), shapeOf(b)];
  if (a.kind === 'shared' && b.kind === 'shared') return sharedOf(null);
  if (left === null || right === null || left.length < 2 || right.length < 2) return unknown;
  const rank = Math.max(left.length, right.length);
  // Axes counted from the end: 2 is M of the left and K of the right, 1 is K of the left and N of the right.
  const leftAt = a.kind === 'rows' ? left.length - a.axis : null;
  const rightAt = b.kind === 'rows' ? right.length - b.axis : null;
  if (leftAt === 1 || rightAt === 2) return call.mixes('sums over the batch axis');
  if (leftAt === 2 && rightAt === 1) return call.mixes('multiplies rows with one another');
  if (leftAt !== null && rightAt !== null && leftAt !== rightAt) return unknown;
  const shape: Length[] = Array.from({ length: rank }, () => null);
  shape[rank - 2] = left.at(-2)!;
  shape[rank - 1] = right.at(-1)!;
  return rowsAt(rank - (leftAt ?? rightAt)!, shape);
};

export const gemm: Rule = (call) => {
  const [a, b] = [call.inputs[0] ?? unknown, call.inputs[1] ?? unknown];
  const c = call.inputs[2];
  if (c !== undefined && c.kind !== 'shared') return unknown;
  if (a.kind === 'mixed' && b.kind === 'shared') return multiplied([a, b]);
  if (a.kind !== 'rows' || b.kind !== 'shared')
    return a.kind === 'shared' && b.kind === 'shared' ? sharedOf(null) : unknown;
  const contracted = intOf(call, 'transA', 0) === 1 ? 0 : 1;
  if (a.axis === contracted) return call.mixes('sums over the batch axis');
  return rowsAt(0, ['rows', b.shape?.[intOf(call, 'transB', 0) === 1 ? 0 : 1] ?? null]);
};

export const einsum: Rule = (call) => {
  const places = given(call);
  if (places.some(({ kind }) => kind === 'unknown' || kind === 'mixed')) return unknown;
  if (places.every(({ kind }) => kind === 'shared')) return sharedOf(null);
  const [left, right] = (call.attribute('equation')?.text ?? '').replaceAll(' ', '').split('->');
  const terms = left?.split(',') ?? [];
  if (right === undefined || /[^a-zA-Z]/.test(terms.join('') + right) || terms.length !== places.length) return unknown;
  const letters = new Set(places.map((place, index) => (place.kind === 'rows' ? terms[index]![place.axis] : null)));
  letters.delete(null);
  const [letter] = letters;
  if (letters.size !== 1 || letter === null || letter === undefined) return unknown;
  if (!right.includes(letter)) return call.mixes('sums over the batch axis');
  return rowsAt(
    right.indexOf(letter),
    Array.from({ length: right.length }, () => null),
  );
};

/** Rounds to the steps of a scale, or back. */
export const quantised: Rule = (call) => {
  const [place, ...scales] = given(call);
  if (place === undefined || scales.some(({ kind }) => kind === 'unknown' || kind === 'rows')) return unknown;
  return place.kind === 'mixed' ? place : (scales.find(({ kind }) => kind === 'mixed') ?? place);
};
