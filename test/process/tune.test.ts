/** `sluice tune` as a process: it ends with a recommendation, or by a signal, and leaves neither processes nor files behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parsePools } from '../../cluster/pools-file.ts';

const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
const limitMs = 120_000;

/** Starts the command in a folder for temporary files of its own, by which everything that it starts is known. */
function startTune(t: TestContext, args: readonly string[]) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-tune-test-'));
  const child = spawn(
    process.execPath,
    [sluice, 'tune', '--model', 'simple', '--objective', '10s', '--rate', '5', '--json', ...args],
    {
      env: { PATH: process.env['PATH'], TMPDIR: folder, SLUICE_VERDICT_FOLDER: 'none' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
    },
  );
  t.after(() => {
    for (const { pid } of processesOf(folder)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]) => ({ code: code as number | null, stdout, stderr }),
  );
  return { child, folder, ended };
}

/** Processes that have `folder` in their environment. */
function processesOf(folder: string): { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      if (!/^\d+$/.test(entry) || !readFileSync(`/proc/${entry}/environ`, 'utf8').includes(folder)) return [];
      return [{ pid: Number(entry), command: readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
    } catch {
      // Processes of others, and those that have just ended.
      return [];
    }
  });
}

function assertNothingIsLeft(folder: string): void {
  assert.deepEqual(processesOf(folder), []);
  const files = readdirSync(folder).filter((name) => name.startsWith('sluice-tune-'));
  assert.deepEqual(files, []);
}

describe('sluice tune', { concurrency: 2, skip: process.platform !== 'linux' }, () => {
  test('ends with a recommendation to paste, and leaves nothing', async (t) => {
    const { ended, folder } = startTune(t, ['--cores', '1', '--max-rows', '4', '--duration-s', '1']);
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr + stdout);
    const result = JSON.parse(stdout) as { chosen: object; complete: boolean; yaml: Record<string, string> };
    assert.ok(result.complete);
    const { pools, errors } = parsePools(result.yaml['pools.yaml']!);
    assert.deepEqual(errors, []);
    assert.deepEqual([pools[0]!.spec.models, pools[0]!.spec.batching.maxRows], [['simple'], 4]);
    assert.equal(result.yaml['config.yaml'], 'threads: 1\n');
    assertNothingIsLeft(folder);
  });

  test('an interrupt while it measures ends all that it started', async (t) => {
    const { child, ended, folder } = startTune(t, ['--duration-s', '600']);
    const isServing = (): boolean => processesOf(folder).some(({ command }) => / scaler( |$)/.test(command));
    while (!isServing() && child.exitCode === null) await delay(100);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    assert.equal(code, 130, stderr);
    assertNothingIsLeft(folder);
  });
});
