/** Rules of operators that normalise, reduce, choose or run along axes: along the batch axis they mix rows. Pure. */
import { fromFront, rowsAt, sharedOf, unknown, type Place } from './places.ts';
import { byFirst, first, given, intOf, intsOf, type Rule } from './rule.ts';

const across = 'across the batch axis';

const alongBatch = 'along the batch axis';

export const reduction: Rule = (call) => {
  const place = first(call);
  if (place.kind === 'mixed' && !place.by.mayCancel) return place;
  if (place.kind !== 'rows') return place.kind === 'shared' ? sharedOf(null) : unknown;
  const { shape, axis } = place;
  const axes = intsOf(call, 'axes', 1);
  if (axes === null) return unknown;
  const all = axes === undefined || axes.length === 0;
  if (all && intOf(call, 'noop_with_empty_axes', 0) === 1) return place;
  const reduced = new Set(all ? shape.keys() : axes.map((each) => fromFront(each, shape.length)));
  if (reduced.has(undefined)) return unknown;
  if (reduced.has(axis)) return call.mixes(`reduces over ${all ? 'all axes, the batch axis too' : 'the batch axis'}`);
  if (intOf(call, 'keepdims', 1) === 1)
    return rowsAt(
      axis,
      shape.map((length, each) => (reduced.has(each) ? 1 : length)),
    );
  const kept = [...shape.keys()].filter((each) => !reduced.has(each));
  return rowsAt(
    kept.indexOf(axis),
    kept.map((each) => shape[each]!),
  );
};

/** Softmax and its kin: along one axis since version 13, before that over all axes from one on. */
export const softmax: Rule = byFirst((call, shape, axis) => {
  const modern = call.opset >= 13;
  const along = fromFront(intOf(call, 'axis', modern ? -1 : 1), shape.length);
  if (along === undefined) return unknown;
  const mixes = modern ? axis === along : axis >= along;
  return mixes ? call.mixes(`normalises ${across}`) : rowsAt(axis, shape);
});

export const chosenAlong =
  (otherwise: number, how: string, keeps: boolean): Rule =>
  (call) =>
    byFirst((_, shape, axis) => {
      const along = fromFront(intOf(call, 'axis', otherwise), shape.length);
      if (along === undefined) return unknown;
      if (along === axis) return call.mixes(how);
      const shorter = shape.with(along, keeps ? null : 1);
      if (keeps || intOf(call, 'keepdims', 1) === 1) return rowsAt(axis, shorter);
      return rowsAt(along < axis ? axis - 1 : axis, shorter.toSpliced(along, 1));
    })(call);

export const cumulative: Rule = byFirst((call, shape, axis) => {
  const [along] = intsOf(call, '', 1) ?? [];
  if (along === undefined) return unknown;
  return fromFront(along, shape.length) === axis ? call.mixes(`sums ${alongBatch}`) : rowsAt(axis, shape);
});

/** Normalisation over all axes from one on. */
export const layerNorm: Rule = (call) => {
  const place = first(call);
  if (place.kind === 'mixed' && !place.by.mayCancel) return place;
  if (place.kind !== 'rows') return place.kind === 'shared' ? sharedOf(null) : unknown;
  const from = fromFront(intOf(call, 'axis', -1), place.shape.length);
  if (from === undefined || call.outputs > 1) return unknown;
  return place.axis >= from ? call.mixes(`normalises ${across}`) : place;
};

/** Normalisation of images, which are [N, C, …]: over all but the first axes. */
export const imageNorm = (kept: number): Rule =>
  byFirst((call, shape, axis) => (axis >= kept ? call.mixes(`normalises ${across}`) : rowsAt(axis, shape)));

export const batchNorm: Rule = (call) => {
  const place = first(call);
  if (place.kind === 'shared') return sharedOf(null);
  const training = call.opset >= 14 ? intOf(call, 'training_mode', 0) === 1 : call.outputs > 1;
  if (place.kind !== 'rows') return training ? unknown : place;
  if (!training) return place;
  const mixed = place.axis === 1 ? unknown : call.mixes(`normalises ${across}, as in training`);
  return Array.from({ length: call.outputs }, (_, output) => (output === 0 ? mixed : unknown));
};

export const meanVariance: Rule = byFirst((call, shape, axis) => {
  const axes = call.attribute('axes')?.ints ?? [0, 2, 3];
  return axes.some((each) => fromFront(each, shape.length) === axis)
    ? call.mixes(`normalises ${across}`)
    : rowsAt(axis, shape);
});

export const lpNorm: Rule = byFirst((call, shape, axis) =>
  fromFront(intOf(call, 'axis', -1), shape.length) === axis ? call.mixes(`normalises ${across}`) : rowsAt(axis, shape),
);

/** Convolutions and pools of [N, C, …]: each row by itself where rows lie on the first axis. */
export const windowed =
  (how: string): Rule =>
  (call) => {
    const [place, ...others] = given(call);
    // A zero point that is mixed comes with an input that is.
    if (place?.kind === 'mixed' && others.every(({ kind }) => kind === 'shared' || kind === 'mixed')) return place;
    if (others.some(({ kind }) => kind !== 'shared')) return unknown;
    if (place?.kind !== 'rows') return place?.kind === 'shared' ? sharedOf(null) : unknown;
    const { axis, shape } = place;
    if (axis === 0) {
      const pooled = rowsAt(
        0,
        shape.map(() => null),
      );
      // The second output of a pool counts places over the whole run.
      return Array.from({ length: call.outputs }, (_, output) => (output === 0 ? pooled : unknown));
    }
    const kernel = call.attribute('kernel_shape')?.ints;
    const width = call.operator.startsWith('Global') ? 2 : (kernel?.[axis - 2] ?? 1);
    return axis >= 2 && width > 1 ? call.mixes(`${how} ${alongBatch}`) : unknown;
  };

/** LSTM, GRU and RNN: along their first axis, or the second with layout 1. */
export const recurrent: Rule = (call) => {
  const [place, , , , ...states] = call.inputs;
  if (call.inputs.slice(1, 5).some((each) => each !== undefined && each.kind !== 'shared')) return unknown;
  const layout = intOf(call, 'layout', 0);
  const [sequence, batch] = layout === 1 ? [1, 0] : [0, 1];
  const first = place ?? unknown;
  const given = states.slice(1).filter((each) => each !== undefined);
  if (first.kind === 'rows' && first.axis === sequence) {
    return call.mixes(`runs ${alongBatch}, from row to row`);
  }
  if (first.kind === 'shared' && given.every(({ kind }) => kind === 'shared')) return sharedOf(null);
  const stateBatch = layout === 1 ? 0 : 1;
  const fits = (each: Place) => each.kind === 'shared' || (each.kind === 'rows' && each.axis === stateBatch);
  if (first.kind !== 'rows' || first.axis !== batch || !given.every(fits)) return unknown;
  const unknownLengths = (rank: number) => Array.from({ length: rank }, () => null);
  const whole = layout === 1 ? rowsAt(0, unknownLengths(4)) : rowsAt(2, unknownLengths(4));
  return Array.from({ length: call.outputs }, (_, output) =>
    output === 0 ? whole : rowsAt(stateBatch, unknownLengths(3)),
  );
};

/** Rounds by the smallest and largest value of the whole tensor, so that each row's error follows its companions. */
export const quantisesAll: Rule = (call) => {
  const place = first(call);
  if (place.kind === 'rows') return call.mixes('quantises over the whole batch', { mayCancel: false });
  return place.kind === 'shared' ? sharedOf(null) : place;
};

export const draws: Rule = (call) => call.mixes('draws random numbers', { mayCancel: false });

export const dropout: Rule = (call) => {
  const training = call.inputs[2];
  if (training === undefined) return [first(call), unknown];
  if (training.kind !== 'shared' || training.values === null) return unknown;
  return training.values[0] === 0 ? [first(call), unknown] : draws(call);
};

/** A check of the whole run for broken values protects it, and changes no sound row. */
export const asksForBroken: Rule = (call) => (first(call).kind === 'shared' ? sharedOf(null) : unknown);
