/** The process behind load.ts: autocannon, one job at a time, told and answered over IPC. */
import autocannon from 'autocannon';
import type { LoadJob, LoadReply } from './load.ts';

/** Longer than any answer of a system that is not broken; autocannon counts what takes longer as an error. */
const timeoutS = 30;
/** How precisely a run ends when its time is over. */
const sampleMs = 10;

process.on('message', (job: LoadJob) => {
  run(job).then(reply, (error: unknown) => reply({ failed: String(error) }));
});
process.on('disconnect', () => process.exit());

function reply(message: LoadReply): void {
  process.send!(message);
}

async function run({ origin, workload, connections, amount }: LoadJob): Promise<LoadReply> {
  const { path, paths, headers, bodies } = workload;
  const requests = bodies.map((body, index) => ({
    method: 'POST' as const,
    path: paths?.[index] ?? path,
    headers,
    // Structured cloning over IPC makes plain arrays of bytes of Buffers.
    body: Buffer.from(body),
  }));
  let started = 0;
  // Where each is for another model, each connection begins at another one: all would ask the same at the same time.
  const rotate = (client: autocannon.Client): void => {
    const first = Math.floor((started * requests.length) / connections);
    started += 1;
    if (paths !== undefined && first > 0) client.setRequests([...requests.slice(first), ...requests.slice(0, first)]);
  };
  const result = await autocannon({
    url: `${origin}${path}`,
    connections,
    ...('requests' in amount ? { amount: amount.requests } : { duration: amount.durationMs / 1000 }),
    sampleInt: sampleMs,
    timeout: timeoutS,
    requests,
    setupClient: rotate,
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
