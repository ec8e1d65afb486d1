/** The run of tests itself, on a folder with files that hang: each fails by its name, nothing stays, and the others run. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from './gateway-harness.ts';
import { isAlive } from './processes.ts';

const runner = fileURLToPath(new URL('../run.ts', import.meta.url));

/** @param files by name, in `test/e2e/` of a folder of their own */
async function runOf(files: Readonly<Record<string, string>>, limitSeconds: number) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-overdue-'));
  try {
    mkdirSync(path.join(folder, 'test/e2e'), { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(path.join(folder, 'test/e2e', name), content);
    }
    // Node's runner starts none where a variable says that it is in a test.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    const child = spawn(process.execPath, [runner, 'e2e', '--limit', String(limitSeconds)], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>]);
    return { printed, code };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('limits of a run', { concurrency: true }, () => {
  test('a test that hangs fails by its name, and those after it run', async () => {
    const { printed, code } = await runOf(
      {
        'hangs.test.ts': `
        import { createServer } from 'node:net';
        import { test } from 'node:test';
        test('waits for ever', async (t) => {
          const server = createServer().listen(0);
          t.after(() => server.close());
          await new Promise(() => {});
        });
        test('comes after it', () => console.log('came after it'));`,
      },
      8,
    );
    assert.equal(code, 1);
    assert.match(printed, /^✖ waits for ever \(test\/e2e\/hangs\.test\.ts\)$/m);
    assert.match(printed, /^came after it$/m);
    assert.match(printed, /2 tests, 1 failed/);
  });

  test('a process that goes on after its tests is ended with all that it started, and fails', async () => {
    const { printed, code } = await runOf(
      {
        'goes-on.test.ts': `
        import { spawn } from 'node:child_process';
        import { test } from 'node:test';
        test('leaves a process', () => {
          const left = spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { stdio: 'inherit' });
          console.log('left', left.pid);
        });`,
        'ends.test.ts': `import { test } from 'node:test'; test('ends', () => {});`,
      },
      8,
    );
    assert.equal(code, 1);
    const [, left] = /^left (\d+)$/m.exec(printed) ?? [];
    assert.match(
      printed,
      new RegExp(
        `^test/e2e/goes-on\\.test\\.ts has finished no test for 16 s and is ended.*:$[^]*^ {2}${left} .*SIGTERM`,
        'm',
      ),
    );
    await until('it has ended', () => !isAlive(Number(left)));
    assert.match(printed, /^✖ test\/e2e\/goes-on\.test\.ts/m);
    assert.match(printed, /^✔ test\/e2e\/ends\.test\.ts: 1 tests/m);
  });

  test('a file of many tests has the time for each of them', async () => {
    const { printed, code } = await runOf(
      {
        'many.test.ts': `
        import { test } from 'node:test';
        for (const name of ['one', 'two', 'three']) test(name, () => new Promise((resolve) => setTimeout(resolve, 7_000)));`,
      },
      10,
    );
    assert.equal(code, 0, printed);
  });
});
