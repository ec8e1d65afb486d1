/** Rules of operators that move elements, or compute shapes: the batch axis goes along where that is certain. Pure. */
import { elementwise, fromFront, rowsAt, sharedOf, unknown, type Place } from './places.ts';
import { byFirst, first, given, intOf, intsOf, moving, placeOf, product, type Call, type Rule } from './rule.ts';

export const constant: Rule = ({ attribute }) => {
  const tensor = attribute('value')?.tensor;
  if (tensor !== undefined && tensor !== null) return placeOf(tensor);
  const [int, ints] = [attribute('value_int'), attribute('value_ints')?.ints];
  if (int !== undefined) return sharedOf([], [int.int]);
  return ints === undefined || ints === null ? sharedOf(null) : sharedOf([ints.length], ints);
};

/** Gives what it takes, so that sizes which are computed stay known. */
export const unchanged: Rule = (call) => first(call);

export const transpose: Rule = moving((call, shape, axis) => {
  const order = call.attribute('perm')?.ints ?? [...shape.keys()].reverse();
  if (order.length !== shape.length) return unknown;
  return rowsAt(
    order.indexOf(axis),
    order.map((from) => shape[from] ?? null),
  );
});

export const flatten: Rule = moving((call, shape, axis) => {
  const at = intOf(call, 'axis', 1);
  return axis === 0 && at === 1 ? rowsAt(0, ['rows', product(shape.slice(1))]) : unknown;
});

/** A reshape that leaves the batch axis one by itself, with as many elements before it as it had. */
export const reshape: Rule = (call) => {
  const place = first(call);
  const target = call.inputs[1];
  if (place.kind === 'mixed') return target?.kind === 'shared' ? place : unknown;
  if (target?.kind !== 'shared') return unknown;
  if (place.kind === 'shared') {
    const lengths = target.values?.map((length) => (length === -1 || length === 0 ? null : length));
    return sharedOf(lengths ?? null, place.values);
  }
  if (place.kind !== 'rows' || target.values === null || intOf(call, 'allowzero', 0) === 1) return unknown;
  const { shape, axis } = place;
  const wanted = target.values.map((length, each) => (length === 0 ? (shape[each] ?? null) : length));
  let at = wanted.indexOf('rows');
  if (at === -1 && wanted[0] === -1 && axis === 0) {
    // The rest is the number of rows, if the other axes take up exactly one row.
    const own = product(shape.slice(1));
    if (own !== null && own === product(wanted.slice(1))) at = 0;
  }
  if (at === -1 || wanted.lastIndexOf('rows') > at) return unknown;
  const [before, beforeNow] = [product(shape.slice(0, axis)), product(wanted.slice(0, at))];
  if (axis !== at || axis > 0) if (before === null || before !== beforeNow) return unknown;
  return rowsAt(
    at,
    wanted.map((length) => (length === -1 ? null : length)),
  );
};

export const unsqueeze: Rule = (call) => {
  const place = first(call);
  const axes = intsOf(call, 'axes', 1);
  if (place.kind === 'mixed') return place;
  if (place.kind === 'unknown' || axes === null || axes === undefined)
    return place.kind === 'shared' ? sharedOf(null) : unknown;
  if (place.shape === null) return sharedOf(null, place.kind === 'shared' ? place.values : null);
  const rank = place.shape.length + axes.length;
  const added = new Set(axes.map((axis) => fromFront(axis, rank)));
  if (added.has(undefined)) return unknown;
  const rest = [...place.shape.keys()];
  const order = Array.from({ length: rank }, (_, axis) => (added.has(axis) ? null : rest.shift()!));
  const shape = order.map((from) =>
    from === null ? 1 : place.kind === 'shared' ? place.shape![from]! : place.shape[from]!,
  );
  return place.kind === 'shared' ? sharedOf(shape, place.values) : rowsAt(order.indexOf(place.axis), shape);
};

export const squeeze: Rule = (call) => {
  const place = first(call);
  const axes = intsOf(call, 'axes', 1);
  if (place.kind === 'mixed') return place;
  if (place.kind === 'shared') return sharedOf(null, place.values);
  if (place.kind !== 'rows' || axes === null || axes === undefined) return unknown;
  const gone = new Set(axes.map((axis) => fromFront(axis, place.shape.length)));
  if (gone.has(undefined) || gone.has(place.axis)) return unknown;
  const kept = [...place.shape.keys()].filter((axis) => !gone.has(axis));
  return rowsAt(
    kept.indexOf(place.axis),
    kept.map((axis) => place.shape[axis]!),
  );
};

export const gather: Rule = (call) => {
  const [data, indices] = [call.inputs[0] ?? unknown, call.inputs[1] ?? unknown];
  const along = intOf(call, 'axis', 0);
  if (data.kind === 'shared' && indices.kind === 'shared') {
    const picked = indices.values?.map((index) =>
      typeof index === 'number' ? (data.values?.at(index) ?? null) : null,
    );
    return sharedOf(data.shape?.length === 1 ? indices.shape : null, data.values === null ? null : (picked ?? null));
  }
  if (data.kind === 'rows' && indices.kind === 'shared' && indices.shape !== null) {
    const axis = fromFront(along, data.shape.length);
    if (axis === undefined || axis === data.axis) return unknown;
    const shape = data.shape.toSpliced(axis, 1, ...indices.shape);
    return rowsAt(data.axis < axis ? data.axis : data.axis - 1 + indices.shape.length, shape);
  }
  if (data.kind === 'shared' && indices.kind === 'rows' && data.shape !== null) {
    const axis = fromFront(along, data.shape.length);
    return axis === undefined ? unknown : rowsAt(axis + indices.axis, data.shape.toSpliced(axis, 1, ...indices.shape));
  }
  return unknown;
};

export const concat: Rule = (call) => {
  const places = given(call);
  const along = intOf(call, 'axis', 0);
  if (places.every((place) => place.kind === 'shared')) {
    const whole = places.every(({ values }) => values !== null);
    const flat = places.every(({ shape }) => shape?.length === 1 || shape === null);
    return sharedOf(null, whole && flat ? places.flatMap(({ values }) => values!) : null);
  }
  const mixed = places.find((place) => place.kind === 'mixed');
  if (mixed !== undefined) return mixed;
  const rows = places.filter((place) => place.kind === 'rows');
  const [one] = rows;
  if (one === undefined || places.some(({ kind }) => kind === 'unknown')) return unknown;
  const axis = fromFront(along, one.shape.length);
  if (axis === undefined || rows.some((place) => place.axis !== one.axis) || axis === one.axis) return unknown;
  return rowsAt(one.axis, one.shape.with(axis, null));
};

/** Part of a list of sizes, such as the first two axes of a shape. */
function slicedSizes(call: Call): Place | undefined {
  const [data, starts, ends, , steps] = call.inputs;
  if (data?.kind !== 'shared' || data.values === null || data.shape?.length !== 1) return undefined;
  const [start, end] = [starts, ends].map((place) => (place?.kind === 'shared' ? place.values?.[0] : undefined));
  if (steps !== undefined || typeof start !== 'number' || typeof end !== 'number') return undefined;
  const sizes = data.values.slice(start, end);
  return sharedOf([sizes.length], sizes);
}

export const slice: Rule = (call) => slicedSizes(call) ?? slicedRows(call);

const slicedRows = byFirst((call, shape, axis) => {
  const axes = intsOf(call, 'axes', 3) ?? null;
  if (axes === null || axes.some((each) => fromFront(each, shape.length) === axis)) return unknown;
  return rowsAt(
    axis,
    shape.map((length, each) => (each === axis ? length : null)),
  );
});

export const splitRule: Rule = byFirst((call, shape, axis) => {
  const along = fromFront(intOf(call, 'axis', 0), shape.length);
  return along === undefined || along === axis ? unknown : rowsAt(axis, shape.with(along, null));
});

/** Sizes are the same for all rows, except of what operators such as NonZero have made as long as the values want. */
export const sizes: Rule = (call) => {
  const place = first(call);
  if (call.operator === 'Size') return place.kind === 'shared' || place.kind === 'rows' ? sharedOf([]) : unknown;
  const from = intOf(call, 'start', 0);
  const to = call.attribute('end')?.int;
  if (place.kind === 'unknown' || place.kind === 'mixed') return unknown;
  if (place.shape === null) return sharedOf(null);
  const lengths = place.shape.slice(from, to);
  return sharedOf([lengths.length], lengths);
};

/** A tensor stretched to a shape. */
export const expand: Rule = (call) => {
  const target = call.inputs[1];
  if (target?.kind !== 'shared') return unknown;
  return first(call).kind === 'mixed' ? first(call) : elementwise([first(call), sharedOf(target.values)]);
};

export const filled: Rule = (call) => {
  const target = first(call);
  return target.kind === 'shared' ? sharedOf(target.values) : unknown;
};
