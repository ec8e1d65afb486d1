/** Listener to what the actuator of one pool does, for events, metrics and logs. */
import type { ScalerPod, WriteResult } from '../../cluster/scalable.ts';
import type { DrainOutcome, ReplacementOutcome } from '../metrics.ts';
import type { ReplicaWrite } from './replica-writer.ts';
import type { ScaleDownProgress } from './scale-down.ts';

export interface ActionListener {
  wrote(write: ReplicaWrite, result: WriteResult): void;
  /** Called every cycle, whether or not a scale-down is under way. */
  draining(victims: readonly ScalerPod[], progress: ScaleDownProgress): void;
  drainEnded(podName: string, outcome: DrainOutcome): void;
  /** A drain was not renewed in time, so that its pod took requests again; it begins anew. */
  drainLapsed(podName: string): void;
  /** Somebody else drains the pod, which is being told to serve again; called at most once in ten seconds for a pod. */
  foreignDrain(podName: string, why: string): void;
  foreignDrainEnded(): void;
  replaced(podName: string, outcome: ReplacementOutcome, detail: string): void;
}
