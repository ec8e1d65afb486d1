/** The look for a Python that bench/lab/rig takes, on a machine that has none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonEnvironment } from '../../bench/lab/rig/python-environment.ts';

test('without Python the error says what is missing', async () => {
  const { PATH } = process.env;
  process.env['PATH'] = '/nowhere';
  try {
    const unused = {} as never;
    const asked = pythonEnvironment('x', 'requirements.txt', { leastMinor: 11, cleanup: unused, say: unused });
    await assert.rejects(asked, /^Error: python3 is missing/);
  } finally {
    process.env['PATH'] = PATH;
  }
});
