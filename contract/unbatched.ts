/**
 * Verdicts of the watch in service: versions of models whose requests must not share runs any more, since an answer was seen to
 * change with its companions. A pod counts them in the summary of each envelope and lists them in its status; gateways pass them on
 * to all pods of the pool.
 */
import Type from 'typebox';

export const UnbatchedModel = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 1_000 }),
  version: Type.String({ minLength: 1, maxLength: 1_000 }),
  /** Human-readable, as in the status of a pod: `outputs change with companions (0.41 of the scale of 'tags')`. */
  reason: Type.String({ maxLength: 10_000 }),
});
export type UnbatchedModel = Type.Static<typeof UnbatchedModel>;

/** Models that a process remembers. Each is a version that is served, so a longer list is no honest one. */
export const maxUnbatchedModels = 1_000;

/** Body of `POST /v2/unbatched`, by which a gateway tells a pod what others have found. */
export const UnbatchedNotice = Type.Object({
  models: Type.Array(UnbatchedModel, { maxItems: maxUnbatchedModels }),
});
export type UnbatchedNotice = Type.Static<typeof UnbatchedNotice>;
