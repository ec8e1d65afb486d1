/** A pod's drain on virtual time: it lapses by itself, says so once, and the end of the process takes precedence. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { SluiceError } from '../contract/errors.ts';
import { Drain } from './drain.ts';

function drainOf(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const warnings: string[] = [];
  const told: string[] = [];
  const drain = new Drain({
    nowMs: () => nowMs,
    log: { info: (_, message) => told.push(message), warn: (_, message) => warnings.push(message) },
  });
  /** Lets time pass, with or without a chance for timers. */
  const pass = (ms: number, { timers = true } = {}): void => {
    nowMs += ms;
    if (timers) t.mock.timers.tick(ms);
  };
  return { drain, pass, warnings, told };
}
const scaler = { holder: 'a/scaler', generation: 3 };

test('a drain that nobody renews lapses by itself, is logged and counted once', (t) => {
  const { drain, pass, warnings } = drainOf(t);
  drain.hold({ ...scaler, ttlMs: 1_000 });
  pass(999);
  assert.deepEqual([drain.active, drain.status()?.remainingMs, drain.lapses], [true, 1, 0]);
  pass(1);
  assert.equal(warnings.length, 1, 'said without anybody asking');
  assert.match(warnings[0]!, /"a\/scaler" was not renewed for 1000 ms/);
  assert.deepEqual([drain.active, drain.status(), drain.lapses], [false, null, 1]);
  assert.equal(warnings.length, 1);
});

test('a late timer keeps no pod drained', (t) => {
  const { drain, pass } = drainOf(t);
  drain.hold({ ...scaler, ttlMs: 1_000 });
  pass(1_000, { timers: false });
  assert.deepEqual([drain.active, drain.lapses], [false, 1]);
});

test('renewals keep a drain, whose identity stays; they are not logged', (t) => {
  const { drain, pass, told } = drainOf(t);
  drain.hold({ ...scaler, ttlMs: 1_000 });
  const { id } = drain.status()!;
  for (let renewals = 0; renewals < 30; renewals += 1) {
    pass(900);
    drain.hold({ ...scaler, ttlMs: 1_000 });
  }
  assert.deepEqual([drain.status()?.id, drain.lapses], [id, 0]);
  assert.equal(told.length, 1);
  drain.release(scaler);
  drain.hold({ ...scaler, ttlMs: 1_000 });
  assert.notEqual(drain.status()?.id, id, 'the pod took work in between');
});

test('another holder is refused, and told who drains', (t) => {
  const { drain } = drainOf(t);
  drain.hold({ ...scaler, ttlMs: 1_000 });
  const stranger = { holder: 'stranger', generation: 9 };
  for (const attempt of [() => drain.hold({ ...stranger, ttlMs: 1 }), () => drain.release(stranger)]) {
    assert.throws(attempt, (error: SluiceError) => error.status === 409 && error.message.includes('"a/scaler"'));
  }
  assert.equal(drain.status()?.holder, 'a/scaler');
  drain.release(null);
  assert.equal(drain.active, false);
});

test('the end of the process has no term, and nothing takes it back', (t) => {
  const { drain, pass, warnings } = drainOf(t);
  drain.hold({ ...scaler, ttlMs: 1_000 });
  drain.end();
  pass(3_600_000);
  drain.release(null);
  assert.deepEqual([drain.active, drain.status(), warnings], [true, null, []]);
  drain.hold({ ...scaler, ttlMs: 1 });
  pass(1);
  drain.release(scaler);
  assert.deepEqual([drain.active, drain.status()], [true, null]);
});
