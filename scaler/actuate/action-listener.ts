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
  replaced(podName: string, outcome: ReplacementOutcome, detail: string): void;
}
