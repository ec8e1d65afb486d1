/** Rights that a request needs, one for each route. Routes declare theirs; guard.ts checks it. */

/**
 * - `predict`: asks a model for predictions.
 * - `observe`: reads state and changes nothing: health, metadata, metrics, reports.
 * - `operate`: changes how a process works, as a drain does.
 * - `peer`: belongs to the traffic between gateways, scalers and pods.
 */
export type Right = 'predict' | 'observe' | 'operate' | 'peer';

/** Rights that only a holder of the shared secret has; the others are anybody's. */
export const guardedRights = ['operate', 'peer'] as const satisfies readonly Right[];
export type GuardedRight = (typeof guardedRights)[number];

export function isGuarded(right: Right): right is GuardedRight {
  return right === 'operate' || right === 'peer';
}
