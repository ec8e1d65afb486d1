import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { virtualPool } from '../testing/virtual-pool.ts';

/** A pool in which one pod of three, `a`, has just been lost with two requests; `x` keeps `a` out until then. */
function lostWithTwo(t: TestContext, pods: Readonly<Record<string, readonly string[]>> = { b: ['m'], c: ['m'] }) {
  const virtual = virtualPool(t, { models: ['m', 'n'], pods: { a: ['m'], ...pods } });
  const { list, pods: fakes, submit, pass, callWith, pool } = virtual;
  list(fakes[0]!.listed());
  pass();
  const requests = ['1', '2'].map((id) => submit(id));
  pass();
  list(...fakes.map((pod) => pod.listed()));
  pass();
  callWith('1').abort('reset');
  pass();
  const endpointOf = (uid: string) => [...pool.endpoints.all].find((endpoint) => endpoint.uid === uid)!;
  return { ...virtual, requests, endpointOf };
}

test('the pod of isolated requests is reserved: nothing else goes there until they are through', (t) => {
  const { submit, pass, sent, callWith } = lostWithTwo(t);
  const reserved = sent()[0]!.split(':')[0]!;
  const other = reserved === 'b' ? 'c' : 'b';
  assert.deepEqual(sent(), [`${reserved}: 1`]);
  for (const id of ['3', '4', '5', '6']) {
    submit(id);
    pass();
  }
  assert.deepEqual(
    sent().filter((call) => call.startsWith(reserved)),
    [`${reserved}: 1`],
  );
  callWith('1').finish();
  pass();
  assert.deepEqual(
    sent().filter((call) => call.startsWith(reserved)),
    [`${reserved}: 2`],
  );
  callWith('2').finish();
  pass();
  assert.equal(sent().filter((call) => call.startsWith(reserved)).length, 1, 'it takes batches again');
  assert.equal(sent().filter((call) => call.startsWith(other)).length, 2);
});

test('a reserved pod that still works on a batch first finishes it', (t) => {
  const { submit, pass, sent, callWith, list, pods } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  list(pods[0]!.listed());
  submit('lost');
  pass();
  list(...pods.map((pod) => pod.listed()));
  pass();
  submit('before');
  pass();
  assert.deepEqual(sent(), ['a: lost', 'b: before']);
  callWith('lost').abort('reset');
  pass();
  submit('after');
  pass();
  assert.deepEqual(sent(), ['b: before'], 'neither beside it nor behind it');
  callWith('before').finish();
  pass();
  assert.deepEqual(sent(), ['b: lost']);
  callWith('lost').finish();
  pass();
  assert.deepEqual(sent(), ['b: after']);
});

test('a reserved pod that leaves is replaced by another one', (t) => {
  const { pass, sent, callWith, list, pods, requests } = lostWithTwo(t);
  const reserved = pods.find(({ uid }) => uid === sent()[0]!.split(':')[0])!;
  const other = pods.find(({ uid }) => uid !== 'a' && uid !== reserved.uid)!;
  callWith('1').finish();
  list(other.listed(), reserved.listed({ draining: 'scaler' }));
  pass();
  assert.deepEqual(sent(), [`${other.uid}: 2`]);
  callWith('2').finish();
  assert.deepEqual(
    requests.map(({ outcome }) => outcome),
    [`200 by pod-${reserved.uid}`, `200 by pod-${other.uid}`],
  );
});

test('a reserved pod that is deleted while it works on a batch is replaced at once', (t) => {
  const { submit, pass, sent, callWith, list, pods } = virtualPool(t, { pods: { a: ['m'], b: ['m'], c: ['m'] } });
  const [a, b, c] = pods;
  list(a!.listed());
  submit('lost');
  pass();
  list(a!.listed(), b!.listed());
  pass();
  submit('before');
  pass();
  callWith('lost').abort('reset');
  pass();
  assert.deepEqual(sent(), ['b: before']);
  list(a!.listed(), c!.listed());
  pass();
  assert.deepEqual(sent(), ['b: before', 'c: lost']);
});

test('isolated requests of one model do not wait for a pod that serves another', (t) => {
  const { pass, sent, callWith, submit, list, pods } = lostWithTwo(t, { b: ['n'], c: ['m', 'n'] });
  assert.deepEqual(sent(), ['c: 1']);
  callWith('1').finish();
  pass();
  callWith('2').finish();
  pass();
  const request = submit('n1', { model: 'n' });
  pass();
  assert.match(sent().join(), /: n1$/);
  callWith('n1').abort('reset');
  list(...pods.slice(1).map((pod) => pod.listed()));
  pass();
  assert.match(sent().join(), /: n1$/);
  callWith('n1').finish();
  assert.match(request.outcome!, /^200/);
});

test('the reservation moves to a pod that serves the next request’s model', (t) => {
  const models = ['m', 'n'];
  const { pass, sent, callWith, submit, list, pods } = virtualPool(t, {
    models,
    pods: { a: models, b: ['m'], c: ['n'] },
  });
  const [a, b, c] = pods;
  list(a!.listed());
  submit('m1', { model: 'm' });
  pass();
  submit('n1', { model: 'n' });
  pass();
  list(...[a, b, c].map((pod) => pod!.listed()));
  pass();
  callWith('m1').abort('reset');
  callWith('n1').abort('reset');
  pass();
  assert.deepEqual(sent(), ['b: m1']);
  callWith('m1').finish();
  pass();
  assert.deepEqual(sent(), ['c: n1']);
});

test('without a pod that could take them, isolated requests wait for one', (t) => {
  const { pass, sent, submit, callWith, pool, list, pods } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  list(pods[0]!.listed());
  pass();
  submit('1');
  pass();
  pods[0]!.state = 'dead';
  callWith('1').abort('reset');
  pass(500);
  assert.deepEqual([sent(), pool.book.isolated], [[], 1]);
  list(pods[1]!.listed());
  pass();
  assert.deepEqual([sent(), pool.book.isolated], [['b: 1'], 0]);
});

test('an isolated request is settled by its deadline, or leaves with its client', (t) => {
  const { pass, sent, submit, callWith, pool, pods } = virtualPool(t, { pods: { a: ['m'] } });
  const [expired, cancelled] = [submit('1', { timeoutMs: 300 }), submit('2')];
  pass();
  pods[0]!.state = 'dead';
  callWith('1').abort('reset');
  pass(400);
  assert.deepEqual([expired.outcome, pool.book.isolated], ['504 deadline-exceeded', 1]);
  pool.book.cancel(cancelled.pending!);
  assert.deepEqual([pool.book.isolated, sent()], [0, []]);
});
