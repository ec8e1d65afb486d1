/** Requests that take long at pods that are alive, as timelines: none is poison, and none keeps others waiting. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { virtualPool, type VirtualPool } from '../testing/virtual-pool.ts';

/** Two pods whose cost is known, so that an envelope has one second. */
function knownPool(t: TestContext): VirtualPool & { passSeconds: (seconds: number) => void } {
  const virtual = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  const { submit, pass, callWith } = virtual;
  for (let count = 0; count < 20; count += 1) {
    submit(`known-${count}`);
    pass();
    callWith(`known-${count}`).finish();
    pass();
  }
  const passSeconds = (seconds: number): void => {
    for (let step = 0; step < seconds * 100; step += 1) pass(10);
  };
  return { ...virtual, passSeconds };
}

const kinds = ({ pool }: VirtualPool): string[] => Array.from(pool.endpoints.all, ({ health }) => health.kind);

test('a request that a pod works on by itself for eight seconds is answered, and nobody is blamed', (t) => {
  const known = knownPool(t);
  const { submit, pass, passSeconds, callWith, pods } = known;
  const heavy = submit('heavy', { timeoutMs: 20_000 });
  pass();
  for (const pod of pods) pod.alsoReports = { inFlight: 1 };
  passSeconds(8);
  assert.deepEqual(kinds(known), ['serving', 'serving']);
  callWith('heavy').finish();
  pass();
  assert.match(heavy.outcome!, /^200/);
  assert.deepEqual([heavy.pending!.attempts, heavy.pending!.podsLostAlone], [1, 0]);
});

test('while a pod is late with a request, all others go elsewhere', (t) => {
  const { submit, pass, passSeconds, sent, pods } = knownPool(t);
  submit('heavy', { timeoutMs: 20_000 });
  pass();
  const held = sent()[0]!.split(':')[0]!;
  const other = held === 'a' ? 'b' : 'a';
  for (const pod of pods) pod.alsoReports = { inFlight: 1 };
  passSeconds(1.5);
  for (let count = 0; count < 6; count += 1) {
    submit(`good-${count}`);
    pass();
  }
  assert.ok(
    sent().every((call) => call.endsWith('heavy') || call.startsWith(other)),
    sent().join('; '),
  );
});

test('a request that is never answered is 504 at its deadline, at one pod, and not poison', (t) => {
  const known = knownPool(t);
  const { submit, pass, passSeconds, pods, pool } = known;
  const heavy = submit('heavy', { timeoutMs: 5_000 });
  pass();
  for (const pod of pods) pod.alsoReports = { inFlight: 1 };
  passSeconds(8);
  assert.equal(heavy.outcome, '504 deadline-exceeded');
  const { givenUp, retries } = pool.book.modelQueues.get('m')!.counters;
  assert.deepEqual([givenUp.poison, givenUp.attempts, retries.hung], [0, 0, 0]);
  assert.equal(pods.flatMap(({ calls }) => calls).filter(({ ids }) => ids.includes('heavy')).length, 1);
});

test('requests behind what a pod is late with are moved, and answered by another', (t) => {
  const { submit, pass, passSeconds, callWith, sent, pods } = knownPool(t);
  const requests = ['1', '2'].map((id) => submit(id, { timeoutMs: 20_000 }));
  pass();
  const held = sent()[0]!.split(':')[0]!;
  for (const pod of pods) pod.alsoReports = { inFlight: 4 };
  passSeconds(1.2);
  for (const id of ['1', '2']) {
    assert.deepEqual(
      sent().filter((call) => call.endsWith(id)),
      [`${held === 'a' ? 'b' : 'a'}: ${id}`],
    );
    callWith(id).finish();
    pass();
  }
  assert.deepEqual(
    requests.map(({ outcome }) => outcome?.slice(0, 3)),
    ['200', '200'],
  );
});

test('moved three times, a request waits at its last pod, and is answered there', (t) => {
  const { submit, pass, passSeconds, callWith, pods, pool } = knownPool(t);
  const heavy = submit('heavy', { timeoutMs: 60_000 });
  pass();
  // Others of other gateways are at each pod.
  for (const pod of pods) pod.alsoReports = { inFlight: 4 };
  passSeconds(20);
  assert.equal(heavy.pending!.attempts, 3);
  callWith('heavy').finish();
  pass();
  assert.match(heavy.outcome!, /^200/);
  assert.equal(pool.book.modelQueues.get('m')!.counters.retries.overdue, 2);
});

test('a request that a pod is late with does not hold up those that were lost with another', (t) => {
  const { submit, pass, passSeconds, callWith, sent, pods } = knownPool(t);
  const suspects = ['1', '2'].map((id) => submit(id, { timeoutMs: 30_000 }));
  pass();
  callWith('1').abort('reset');
  pass();
  const held = sent()[0]!.split(':')[0]!;
  for (const pod of pods) pod.alsoReports = { inFlight: 1 };
  passSeconds(4);
  const other = held === 'a' ? 'b' : 'a';
  assert.deepEqual(sent().toSorted(), [`${held}: 1`, `${other}: 2`].toSorted());
  for (const id of ['1', '2']) callWith(id).finish();
  assert.deepEqual(
    suspects.map(({ outcome }) => outcome?.slice(0, 3)),
    ['200', '200'],
  );
});

test('a request that ends each pod which runs it is stopped after two, however long each took', (t) => {
  const { submit, pass, passSeconds, callWith, pods, pool } = knownPool(t);
  const poison = submit('poison', { timeoutMs: 300_000 });
  pass();
  for (const pod of pods) pod.alsoReports = { inFlight: 1 };
  for (let kill = 0; kill < 2; kill += 1) {
    passSeconds(6);
    callWith('poison').abort('reset', 'ECONNRESET');
    passSeconds(1);
  }
  assert.equal(poison.outcome, '500 poison-request');
  assert.equal(pool.book.modelQueues.get('m')!.counters.givenUp.poison, 1);
});
