/** Hostile input by chance, as `npm run fuzz` sends it, for a while: and what earlier runs found, which must not come back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { appendFrame } from '../../contract/envelope.ts';
import { mediaTypes, paths } from '../../contract/headers.ts';
import { Languages } from '../fuzz/answers.ts';
import { keptCases } from '../fuzz/cases.ts';
import { wrongEnvelope } from '../fuzz/envelopes.ts';
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

test('of two items of one index the first has the answer, in whatever order the second came', () => {
  const tensor = (name: string, value: number) => ({
    name,
    datatype: 'INT32',
    shape: [1, 16],
    data: Array<number>(16).fill(value),
  });
  const asked: Buffer[] = [];
  const head = {
    index: 7,
    model: 'simple',
    protocol: 'oip',
    deadlineMs: 20_000,
    contentType: mediaTypes.json,
  } as const;
  for (const id of ['first', 'second']) {
    const inputs = [tensor('INPUT0', 5), tensor('INPUT1', 3)];
    appendFrame(asked, head, [Buffer.from(JSON.stringify({ id, inputs }))]);
  }
  const wrongWith = (id: string): string | null => {
    const answered: Buffer[] = [];
    const outputs = [tensor('OUTPUT0', 8), tensor('OUTPUT1', 2)];
    const answer = JSON.stringify({ model_name: 'simple', model_version: '1', id, outputs });
    const answerHead = { index: 7, status: 200, contentType: mediaTypes.json, rows: 1, run: 0 };
    appendFrame(answered, answerHead, [Buffer.from(answer)]);
    const body = Buffer.concat(answered);
    const sent = { kind: 'envelopes', port: 'pod', path: paths.envelope, headers: {}, valid: false } as const;
    const got = { status: 200, headers: {}, body, text: body.toString() };
    return wrongEnvelope({ ...sent, body: Buffer.concat(asked) }, got, new Languages());
  };
  assert.equal(wrongWith('first'), null);
  assert.match(wrongWith('second') ?? '', /the id is second, it was first/);
});
