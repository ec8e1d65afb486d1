/** `sluice bench` beside programs that take every core: its own lateness is never taken for the server's, and it never breaks. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDelayServer, type DelayServer } from '../../bench/load-test/testing/delay-server.ts';
import type { Report } from '../../bench/load-test/report.ts';
import { longEnough } from '../support/long-enough.ts';

const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
const delayMs = 20;
const objectiveMs = 3_000;
const limitMs = 120_000;

const busy = Array.from({ length: availableParallelism() }, () =>
  spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
);
let server: DelayServer;
before(async () => {
  server = await startDelayServer({ delaysMs: [delayMs] });
});
after(async () => {
  for (const program of busy) program.kill('SIGKILL');
  await server.close();
});

function bench(...args: readonly string[]): Promise<{ code: number; report: Report; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [sluice, 'bench', server.origin, '--model', 'm', '--json', ...args],
      { timeout: limitMs, maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout, stderr) => {
        if (!stdout.startsWith('{')) return reject(new Error(`${child.exitCode}: ${stdout}${stderr}`));
        resolve({ code: child.exitCode ?? -1, report: JSON.parse(stdout) as Report, stderr });
      },
    );
  });
}

describe('beside programs that take a core each', () => {
  for (const load of [
    ['--rate', '200', '--threads', '2'],
    ['--concurrency', '8', '--threads', '2'],
  ]) {
    test(load.join(' '), async (t) => {
      const judged = [...load, '--objective', `${objectiveMs}ms`, '--percentile', '90'];
      const { code, report, stderr } = await longEnough(
        21,
        2,
        (seconds) => bench(...judged, '--duration-s', String(seconds)),
        ({ report }) => report,
      );
      const serverLateMs = await server.latenessMs();
      const { latencyMs, leastLatencyMs, readLateMs, lagMs, verdict } = report;
      t.diagnostic(
        `sent late ${lagMs.max} ms, read late ${readLateMs.max} ms, server late ${serverLateMs} ms, latency ${latencyMs.p50} to ${latencyMs.max} ms`,
      );
      assert.equal(stderr, '');
      assert.equal(report.errors, 0);
      // No answer is sooner than the delay, and what is left of the latency is the server's, which knows how late it was.
      assert.ok(latencyMs.p50 >= delayMs - 1, `p50 ${latencyMs.p50}`);
      assert.ok(leastLatencyMs.p50 <= delayMs + serverLateMs + lagMs.max + readLateMs.max, `${leastLatencyMs.p50}`);
      // The server keeps this objective by far, unless it was late itself; else a miss would be the generator's lateness.
      if (serverLateMs < objectiveMs - delayMs) {
        assert.notEqual(verdict?.outcome, 'missed');
        assert.ok(code === 0 || code === 4, `exit code ${code}`);
      }
    });
  }

  test('an objective below the delay is missed, with an exit code of its own', async () => {
    const { code, report } = await bench('--rate', '50', '--duration-s', '2', '--objective', '10ms');
    assert.deepEqual([report.verdict?.outcome, code], ['missed', 3]);
  });
});
