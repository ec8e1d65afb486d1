/**
 * Events in the life of a pool beside the scaler's decisions: what its pods, versions and conditions did. `GET /api/events` on the
 * scaler's admin port answers a list of them, oldest first; `GET /api/stream` sends each as `event: event`.
 */
import Type from 'typebox';

export const TimelineEvent = Type.Object({
  /** Number within this scaler process, from 1. */
  id: Type.Integer({ minimum: 1 }),
  /** Start of the process that numbered it, in milliseconds since the epoch. */
  sourceMs: Type.Number(),
  atMs: Type.Number(),
  pool: Type.String(),
  kind: Type.Enum([
    // A process of a pod ended, and another started under its name.
    'restart',
    // A pod that served is gone, though nobody drained it.
    'lost',
    'ejection',
    'return',
    'drain',
    // The default version of a model changed, or its versions need attention.
    'version',
    // A model is no longer batched, or is again.
    'batching',
    // Something began to need attention, or no longer does.
    'alert',
  ]),
  level: Type.Enum(['bad', 'warn', 'good', 'plain']),
  /** Subject: a pod, a model, or the trouble that an alert is about. */
  subject: Type.String(),
  /** Human-readable, without the subject. */
  text: Type.String(),
  /** Name of the runbook that tells what to do; null without one. */
  runbook: Type.Union([Type.String(), Type.Null()]),
});
export type TimelineEvent = Type.Static<typeof TimelineEvent>;
