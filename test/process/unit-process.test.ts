/** The fence around unit tests, tried with test files that climb it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { unitEntry, unitFlags } from '../support/unit-process.ts';

/** Runs the files, given by their text, as unit tests. */
async function runUnit(t: TestContext, ...texts: readonly string[]): Promise<{ code: number; output: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-unit-'));
  t.after(() => rm(folder, { recursive: true }));
  const files = texts.map((_, index) => path.join(folder, `${index}.test.ts`));
  await Promise.all(files.map((file, index) => writeFile(file, texts[index]!)));
  // Without the variable by which Node knows that a test has started it: the child reports in text.
  const env = { ...process.env };
  delete env['NODE_TEST_CONTEXT'];
  const args = [...unitFlags, '--test-reporter=spec', fileURLToPath(unitEntry), ...files];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}

test('a unit test that computes passes', async (t) => {
  const { code, output } = await runUnit(t, "import test from 'node:test';\ntest('computes', () => undefined);");
  assert.equal(code, 0, output);
  assert.match(output, /✔ computes/);
});

for (const [what, statement] of [
  ['a process', "(await import('node:child_process')).spawn(process.execPath, ['--version']);"],
  ['a process and waits', "(await import('node:child_process')).execFileSync(process.execPath, ['--version']);"],
  ['a thread', "new (await import('node:worker_threads')).Worker('1', { eval: true });"],
] as const) {
  test(`a unit test that starts ${what} fails`, async (t) => {
    const { code, output } = await runUnit(
      t,
      `import test from 'node:test';\ntest('climbs', async () => {\n${statement}\n});`,
    );
    assert.equal(code, 1, output);
    assert.match(output, /✖ climbs/);
    assert.match(output, /ERR_ACCESS_DENIED/);
  });
}

test('hooks of one file are not run for the tests of another', async (t) => {
  const { code, output } = await runUnit(
    t,
    "import test, { beforeEach } from 'node:test';\nbeforeEach(() => console.log('HOOK'));\ntest('first', () => undefined);",
    "import test from 'node:test';\ntest('second', () => undefined);\ntest('third', () => undefined);",
  );
  assert.equal(code, 0, output);
  assert.equal(output.match(/HOOK/g)?.length, 1, output);
});
