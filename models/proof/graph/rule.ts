/** Shape of a rule: from a node with the places of its inputs to the places of its outputs. Pure; with what rules share. */
import type { Attribute, Constant } from './onnx-file.ts';
import { elementwise, sharedOf, unknown, type Finding, type Length, type Place } from './places.ts';

/** A node with the places of its inputs. */
export interface Call {
  readonly operator: string;
  readonly opset: number;
  /** One for each input; undefined for one that is left out. */
  readonly inputs: readonly (Place | undefined)[];
  readonly outputs: number;
  readonly attribute: (name: string) => Attribute | undefined;
  /** Records that this node mixes rows, in words that follow its name: `normalises across the batch axis`. */
  readonly mixes: (how: string, options?: Partial<Pick<Finding, 'mayCancel'>>) => Place;
}

export type Rule = (call: Call) => Place | readonly Place[];

export function placeOf(constant: Constant): Place {
  return sharedOf(constant.shape, constant.values);
}

export const first = ({ inputs }: Call): Place => inputs[0] ?? unknown;

export const given = ({ inputs }: Call): Place[] => inputs.filter((place) => place !== undefined);

export const intOf = (call: Call, name: string, otherwise: number): number => call.attribute(name)?.int ?? otherwise;

/** Known whole numbers of an attribute, or of an input that later versions have in its place; null where not known. */
export function intsOf(call: Call, name: string, input: number): readonly number[] | null | undefined {
  const attribute = call.attribute(name);
  if (attribute !== undefined) return attribute.ints;
  const place = call.inputs[input];
  if (place === undefined) return undefined;
  if (place.kind !== 'shared' || place.values === null) return null;
  return place.values.every((value) => typeof value === 'number') ? place.values : null;
}

export type RowsRule = (call: Call, shape: readonly Length[], axis: number) => Place | readonly Place[];

/** Rule for a single input whose other inputs are settings: these are shared, or nothing is known. */
export const byFirst =
  (rule: RowsRule): Rule =>
  (call) => {
    const place = first(call);
    const settings = call.inputs.slice(1).every((other) => other === undefined || other.kind === 'shared');
    if (place.kind === 'mixed') return place.by.mayCancel ? unknown : place;
    if (place.kind === 'unknown' || !settings) return unknown;
    return place.kind === 'shared' ? sharedOf(null) : rule(call, place.shape, place.axis);
  };

/** Rule of an operator that only moves elements: rows that were mixed stay mixed. */
export const moving =
  (rule: RowsRule): Rule =>
  (call) =>
    first(call).kind === 'mixed' ? first(call) : byFirst(rule)(call);

export function multiplied(places: readonly Place[]): Place {
  if (places.some(({ kind }) => kind === 'mixed')) {
    // A factor of 0 takes the mixing away, and a single number that is not known may be 0.
    for (const place of places) {
      if (place.kind !== 'shared') continue;
      if (place.values?.every((value) => value === 0) === true) return unknown;
      const single = place.shape === null || place.shape.every((length) => length === 1);
      if (single && place.values === null) return unknown;
    }
  }
  return elementwise(places);
}

export function product(lengths: readonly Length[]): number | null {
  let total = 1;
  for (const length of lengths) {
    if (typeof length !== 'number') return null;
    total *= length;
  }
  return total;
}
