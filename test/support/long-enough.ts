/**
 * Load tests whose connections each wait for their answer: in a given time they get as many answers as the machine gives, which
 * may be a handful while something else has its cores. The test says how many it needs; the time gives way, not the number.
 */
import assert from 'node:assert/strict';
import type { Report } from '../../bench/load-test/report.ts';

const longestSeconds = 64;

/**
 * Runs a load again, for four times as long, until its report has enough good answers. A run that is put aside had no others: time
 * mends too few requests, and nothing else.
 * @param least good answers that the caller's assertions need
 * @param run runs the load for a number of seconds
 * @throws AssertionError if a run of about a minute has fewer, or one that is put aside a request without a good answer
 */
export async function longEnough<Run>(
  least: number,
  firstSeconds: number,
  run: (seconds: number) => Promise<Run>,
  countsOf: (run: Run) => Pick<Report, 'good' | 'offered'>,
): Promise<Run> {
  for (let seconds = firstSeconds; ; seconds *= 4) {
    const done = await run(seconds);
    const { good, offered } = countsOf(done);
    if (good >= least) return done;
    assert.equal(good, offered, `good answers of ${offered} requests in ${seconds} s`);
    assert.ok(seconds * 4 <= longestSeconds, `${good} of ${least} good answers in ${seconds} s`);
  }
}
