/** Without a browser the tests of the page say so, and where CI=true they fail. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('page.test.ts', import.meta.url));

/** The tests of the page on a machine without a browser. */
function run(env: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--test', '--test-reporter', 'tap', file], {
    env: { PATH: '', ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, output: stdout + stderr };
}

test('no browser: skipped, and it is said', () => {
  const { status, output } = run({});
  assert.equal(status, 0, output);
  assert.match(output, /\*\*\* NO BROWSER: the page is NOT tested\. Install chromium/);
  assert.match(output, /# skipped [1-9]/);
  assert.match(output, /# pass 0/);
});

test('no browser where CI=true: failed', () => {
  const { status, output } = run({ CI: 'true' });
  assert.equal(status, 1, output);
  assert.match(output, /NO BROWSER: the page is NOT tested/);
});
