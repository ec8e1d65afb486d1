/** Handover of a pool from a leading scaler to the next one, as JSON in `status.handover` of its ModelPool (deflated, base64). */
import Type from 'typebox';
import type { DecisionRecord } from './scaler-api.ts';

const Ms = Type.Number({ minimum: 0 });
const MsOrNull = Type.Union([Ms, Type.Null()]);

export const IdleClocks = Type.Object({
  /** Time of the handover, in milliseconds since the epoch; all `…AgoMs` are milliseconds before it. */
  atMs: Ms,
  /** Time since the pool last needed its first pod, its second one, and so on. */
  neededAgoMs: Type.Array(Ms),
  requestAgoMs: MsOrNull,
  writeAgoMs: MsOrNull,
});
export type IdleClocks = Type.Static<typeof IdleClocks>;

/** Handover as far as every version of this format has it. */
export const HandoverParts = Type.Object({
  format: Type.Literal(1),
  idle: Type.Unknown(),
  decisions: Type.Array(Type.Unknown()),
});

export interface Handover {
  readonly format: 1;
  readonly idle: IdleClocks | null;
  /** Decisions of the last hour, oldest first. */
  readonly decisions: readonly DecisionRecord[];
}
