/** Last lines that a pod's processes wrote: `GET /api/pods/<pod>/log` of the scaler, where `sluice up` runs the pods. */
import Type from 'typebox';

export const PodLog = Type.Object({
  pod: Type.String(),
  lines: Type.Array(
    Type.Object({
      /** Number of the line, counted from 0 over all processes of the pod. */
      number: Type.Integer({ minimum: 0 }),
      /** Milliseconds since the epoch. */
      atMs: Type.Number(),
      text: Type.String(),
    }),
  ),
  /** Number that the next line will have. */
  next: Type.Integer({ minimum: 0 }),
});
export type PodLog = Type.Static<typeof PodLog>;

export interface PodLogQuery {
  /** Leaves out lines with a lower number, and takes lines of whichever process; null for all of one process. */
  readonly from: number | null;
  /** Takes the process before the last one instead of the last one. */
  readonly previous: boolean;
}
