/** Handover of a pool from a leading scaler to the next one, as JSON in `status.handover` of its ModelPool (deflated, base64). */
import Type from 'typebox';
import { DecisionRecord } from './scaler-api.ts';

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

export const Handover = Type.Object({
  format: Type.Literal(1),
  idle: Type.Union([IdleClocks, Type.Null()]),
  /** Decisions of the last hour, oldest first. */
  decisions: Type.Array(DecisionRecord),
});
export type Handover = Type.Static<typeof Handover>;
