/** Process of onnx-runtime.ts. Its sessions are configured as a pod's: one thread, no spinning. */
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { seededRandom } from '../../../runtime/seeded-random.ts';
import type { RuntimeJob, RuntimeResult } from './onnx-runtime.ts';

const sessions = new Map<string, InferenceSession>();

process.on('message', (job: RuntimeJob) => {
  void run(job).then((result) => process.send!(result));
});
process.on('disconnect', () => process.exit());

async function run({ model, input, width, rows, durationMs }: RuntimeJob): Promise<RuntimeResult> {
  let session = sessions.get(model);
  if (session === undefined) {
    const file = fileURLToPath(new URL(`../../../models/zoo/${model}/1/model.onnx`, import.meta.url));
    session = await InferenceSession.create(file, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    });
    sessions.set(model, session);
  }
  const random = seededRandom(width);
  const feed = { [input]: new Tensor('float32', Float32Array.from({ length: rows * width }, random), [rows, width]) };
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  let done = 0;
  for (; performance.now() - startedMs < durationMs; done += rows) await session.run(feed);
  const { user, system } = process.cpuUsage(cpu);
  return { rows: done, durationMs: performance.now() - startedMs, cpuUs: user + system };
}
