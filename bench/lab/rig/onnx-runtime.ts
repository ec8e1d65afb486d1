/** ONNX Runtime alone, in a process of its own with one thread: the upper limit of what a core can do with a model. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface RuntimeJob {
  readonly model: string;
  readonly input: string;
  readonly width: number;
  /** Rows of each run. */
  readonly rows: number;
  readonly durationMs: number;
}

export interface RuntimeResult {
  readonly rows: number;
  readonly durationMs: number;
  /** CPU time of the whole process. */
  readonly cpuUs: number;
}

export interface OnnxRuntime {
  /** Runs the model again and again for the job's duration. @throws Error if the process ends before */
  run(job: RuntimeJob): Promise<RuntimeResult>;
  stop(): void;
}

export function startOnnxRuntime(): OnnxRuntime {
  const child = fork(fileURLToPath(new URL('./onnx-runtime-process.ts', import.meta.url)));
  const ended = once(child, 'exit').then(() => null);
  return {
    run: async (job) => {
      child.send(job);
      const message = await Promise.race([once(child, 'message'), ended]);
      if (message === null) throw new Error(`ONNX Runtime ended before it had run ${job.model}`);
      return (message as [RuntimeResult])[0];
    },
    stop: () => {
      if (child.connected) child.disconnect();
    },
  };
}
