/** Hostile input by chance, as `npm run fuzz` sends it, for a while: and what earlier runs found, which must not come back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { keptCases } from '../fuzz/cases.ts';
import { fuzz } from '../fuzz/run.ts';
import { Target } from '../fuzz/target.ts';
import { longForm } from '../support/long-form.ts';

let target: Target;
before(async () => {
  target = await Target.start();
});
after(() => target.end());

describe('what was found once stays mended', () => {
  test('the cases are there', () => assert.ok(keptCases().length >= 13));
  for (const { name, input, statuses } of keptCases()) {
    test(name, async () => {
      const { status, problem } = await target.run(input, statuses !== undefined && !statuses.includes(null));
      assert.equal(problem, null);
      if (statuses !== undefined)
        assert.ok(statuses.includes(status), `${String(status)} is none of ${statuses.join()}`);
    });
  }
});

test('valid and broken requests, bytes and envelopes', async (t) => {
  const inputs = longForm ? 40_000 : 4_000;
  const report = await fuzz(target, { seed: 1, inputs, limitMs: 600_000, only: null });
  t.diagnostic(JSON.stringify([...report.statuses]));
  assert.deepEqual(
    report.findings.map(({ index, problem }) => `input ${index}: ${problem}`),
    [],
  );
  assert.deepEqual(report.failures, []);
  assert.equal(report.sent, inputs);
  const count = (key: string): number => report.statuses.get(key) ?? 0;
  for (const kind of ['json', 'binary', 'envelopes'] as const) {
    // A generator that makes only one of them tests little.
    assert.ok(count(`${kind} 200`) > report.byKind[kind] / 5, `${kind} was hardly ever answered well`);
    assert.ok(count(`${kind} 400`) > report.byKind[kind] / 10, `${kind} was hardly ever broken`);
  }
});
