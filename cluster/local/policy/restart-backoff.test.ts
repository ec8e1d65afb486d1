import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffConfig, planRestart } from './restart-backoff.ts';

test('a crash loop waits 0, 0.5, 1, 2, 4, 8, 10, 10 seconds', () => {
  let exits = 0;
  const waits = Array.from({ length: 8 }, () => {
    const restart = planRestart(backoffConfig, exits, 'exit code 1', 0);
    exits = restart.exits;
    return restart.waitMs;
  });
  assert.deepEqual(waits, [0, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test('after a minute of readiness the next exit counts as the first', () => {
  assert.equal(planRestart(backoffConfig, 6, 'exit code 1', 59_999).waitMs, 10_000);
  assert.deepEqual(planRestart(backoffConfig, 6, 'killed by SIGKILL', 60_000), {
    exits: 1,
    waitMs: 0,
    reason: 'Restarting: killed by SIGKILL',
  });
});

test('the reason has the exit and the time until the next start', () => {
  assert.equal(
    planRestart(backoffConfig, 4, 'exit code 1', 0).reason,
    'CrashLoopBackOff: exit code 1, next start in 4 s',
  );
  assert.equal(
    planRestart(backoffConfig, 1, 'exit code 1', 0).reason,
    'CrashLoopBackOff: exit code 1, next start in 0.5 s',
  );
});

test('the delay is bounded after any number of exits', () => {
  assert.equal(planRestart(backoffConfig, 5000, 'exit code 1', 0).waitMs, 10_000);
});
