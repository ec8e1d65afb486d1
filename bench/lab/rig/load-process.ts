/** Process of load.ts: one closed loop at a time, asked for and answered over IPC. */
import { nowMs } from '../../load-test/clock.ts';
import { runClosedLoop, type RequestListener } from '../../load-test/closed-loop.ts';
import { LatencyHistogram } from '../../load-test/histogram.ts';
import { isGood } from '../../load-test/recorder.ts';
import type { LoadJob, LoadReply } from './load.ts';

/** Longer than any answer of a system that is not broken. */
const timeoutMs = 30_000;

process.on('message', (job: LoadJob) => {
  run(job).then(reply, (error: unknown) => reply({ failed: String(error) }));
});
process.on('disconnect', () => process.exit());

function reply(message: LoadReply): void {
  process.send!(message);
}

async function run(job: LoadJob): Promise<LoadReply> {
  const latency = new LatencyHistogram();
  const others: Record<string, number> = {};
  const listener: RequestListener = {
    sent: () => undefined,
    ended: (_intendedMs, sentMs, endedMs, ending) => {
      if (isGood(ending)) latency.recordMs(endedMs - sentMs);
      else others[ending] = (others[ending] ?? 0) + 1;
    },
  };
  const startedMs = nowMs();
  const { errors } = await runClosedLoop({ ...job, timeoutMs }, listener);
  const durationMs = nowMs() - startedMs;
  if (errors > 0 || Object.keys(others).length > 0) {
    return { failed: `not all answers were 2xx: ${JSON.stringify(others)}, ${errors} errors` };
  }
  if (latency.count === 0) return { failed: `no answer to ${JSON.stringify(job.amount)}` };
  return {
    result: { answered: latency.count, durationMs, p50Ms: latency.percentileMs(50), p99Ms: latency.percentileMs(99) },
  };
}
