/**
 * Load tests whose connections each wait for their answer: in a given time they get as many answers as the machine gives, which
 * may be a handful while something else has its cores. The test says how many it needs; the time gives way, not the number.
 */
import assert from 'node:assert/strict';

const longestSeconds = 64;

/**
 * Runs a load again, for four times as long, until its report has enough good answers.
 * @param least good answers that the caller's assertions need
 * @param run runs the load for a number of seconds
 * @throws AssertionError if a run of about a minute has fewer
 */
export async function longEnough<Run>(
  least: number,
  firstSeconds: number,
  run: (seconds: number) => Promise<Run>,
  goodOf: (run: Run) => number,
): Promise<Run> {
  for (let seconds = firstSeconds; ; seconds *= 4) {
    const done = await run(seconds);
    if (goodOf(done) >= least) return done;
    assert.ok(seconds * 4 <= longestSeconds, `${goodOf(done)} of ${least} good answers in ${seconds} s`);
  }
}
