/** Faults by chance, as `npm run chaos` makes them, from seeds that once showed something or that have many kinds in few faults. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chaos } from '../faults/run.ts';
import { longForm } from '../support/long-form.ts';

const seeds = longForm ? [1, 2, 3, 15] : [2];

for (const seed of seeds) {
  test(`faults of seed ${seed}`, { timeout: 300_000 }, async (t) => {
    const report = await chaos({ seed, faults: longForm ? 60 : 14, everyMs: 600, requestsPerSecond: 40 });
    t.diagnostic(JSON.stringify([...report.done]));
    assert.deepEqual(report.failures, []);
    const { sent, right, refused, lost } = report.load;
    const refusals = [...refused.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(right + refusals + lost, sent, 'a request is not accounted for');
    assert.ok(right > sent / 2, `${right} of ${sent} were answered right`);
    assert.ok(report.done.size >= 4, 'hardly any kind of fault was made');
  });
}
