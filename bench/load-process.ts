/** The process behind load.ts: autocannon, one job at a time, told and answered over IPC. */
import autocannon from 'autocannon';
import type { LoadJob, LoadReply } from './load.ts';

/** Longer than any answer of a system that is not broken; autocannon counts what takes longer as an error. */
const timeoutS = 30;
/** How precisely a run ends when its time is over. */
const sampleMs = 50;

process.on('message', (job: LoadJob) => {
  run(job).then(reply, (error: unknown) => reply({ failed: String(error) }));
});
process.on('disconnect', () => process.exit());

function reply(message: LoadReply): void {
  process.send!(message);
}

async function run({ origin, workload, connections, amount }: LoadJob): Promise<LoadReply> {
  const { path, paths, headers, bodies } = workload;
  const result = await autocannon({
    url: `${origin}${path}`,
    connections,
    ...('requests' in amount ? { amount: amount.requests } : { duration: amount.durationMs / 1000 }),
    sampleInt: sampleMs,
    timeout: timeoutS,
    requests: bodies.map((body, index) => ({
      method: 'POST',
      path: paths?.[index] ?? path,
      headers,
      // Structured cloning over IPC makes plain arrays of bytes of Buffers.
      body: Buffer.from(body),
    })),
  });
  const { non2xx, errors, duration, latency } = result;
  if (non2xx > 0 || errors > 0) {
    return { failed: `${non2xx} answers were not 2xx (${JSON.stringify(result.statusCodeStats)}), ${errors} errors` };
  }
  if (result['2xx'] === 0) return { failed: `no answer to ${JSON.stringify(amount)}` };
  return {
    result: { answered: result['2xx'], durationMs: 1000 * duration, p50Ms: latency.p50, p99Ms: latency.p99 },
  };
}
