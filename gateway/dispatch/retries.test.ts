import assert from 'node:assert/strict';
import { test } from 'node:test';
import { virtualPool } from '../testing/virtual-pool.ts';

const threePods = { a: ['m'], b: ['m'], c: ['m'] };

test('requests that a pod refused go on with the others, and no attempt is counted', (t) => {
  const { pool, submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  const [one, two] = [submit('1'), submit('2')];
  pass();
  callWith('1').abort('refused');
  submit('3');
  pass(150);
  assert.deepEqual(sent(), ['a: 1'], 'on probation: one');
  callWith('1').finish();
  pass();
  assert.deepEqual(sent(), ['a: 2,3']);
  assert.deepEqual([one.pending!.attempts, two.pending!.attempts, two.pending!.mustTravelAlone], [1, 1, false]);
  assert.deepEqual(pool.book.modelQueues.get('m')!.counters.retries.refused, 2);
});

test('requests that were lost with a pod travel alone, one after the other, on another pod', (t) => {
  const { submit, pass, sent, callWith, pool } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  const requests = ['1', '2', '3'].map((id) => submit(id));
  pass();
  const [lost] = sent();
  const [from, to] = lost!.startsWith('a') ? ['a', 'b'] : ['b', 'a'];
  callWith('1').abort('reset');
  pass();
  assert.deepEqual([sent(), pool.book.isolated, pool.book.waitingAlone], [[`${to}: 1`], 2, 2]);
  for (const id of ['1', '2', '3']) {
    assert.deepEqual(sent(), [`${to}: ${id}`]);
    callWith(id).finish();
    pass();
  }
  assert.deepEqual(
    requests.map(({ outcome, pending }) => [outcome, pending!.attempts]),
    requests.map(() => [`200 by pod-${to}`, 2]),
  );
  assert.deepEqual([...pool.endpoints.all].find(({ uid }) => uid === from)!.lastEvidence, 'reset');
  assert.equal(pool.book.modelQueues.get('m')!.counters.retries.reset, 3);
});

test('answers that came before a pod was lost count, and only the others are tried again', (t) => {
  const { submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  const requests = ['1', '2', '3'].map((id) => submit(id));
  pass();
  const call = callWith('1');
  call.answer(1);
  call.cut();
  pass();
  assert.deepEqual(
    requests.map(({ outcome }) => outcome !== undefined),
    [false, true, false],
  );
  assert.match(sent().join(' '), /^\w: 1$/);
});

test('a request that two pods were lost with, alone each time, is poison: no third pod sees it', (t) => {
  const { pool, submit, pass, sent, callWith, logged } = virtualPool(t, { pods: threePods });
  const poison = submit('poison');
  pass();
  callWith('poison').abort('reset', 'ECONNRESET');
  pass();
  assert.equal(poison.outcome, undefined);
  callWith('poison').abort('reset', 'ECONNRESET');
  pass();
  assert.deepEqual([poison.outcome, sent()], ['500 poison-request', []]);
  const { counters } = pool.book.modelQueues.get('m')!;
  assert.deepEqual(counters.givenUp, { 'not-idempotent': 0, attempts: 0, poison: 1 });
  const line = logged().find(({ msg }) => msg === 'request given up')!;
  assert.deepEqual(
    [line['requestId'], line['why'], line['attempts'], line['detail']],
    ['poison', 'poison', 2, 'ECONNRESET'],
  );
});

test('a pod that stood still may be chance: a request that was alone at it and at one that ended gets a third', (t) => {
  for (const end of ['answer', 'hung', 'reset']) {
    const { submit, pass, callWith } = virtualPool(t, { pods: threePods });
    const request = submit('1');
    pass();
    callWith('1').abort('hung');
    pass();
    callWith('1').abort('reset');
    pass();
    assert.equal(request.outcome, undefined);
    if (end === 'answer') callWith('1').finish();
    else callWith('1').abort(end as 'hung' | 'reset');
    pass();
    if (end === 'answer') assert.match(request.outcome!, /^200/);
    else assert.equal(request.outcome, '500 poison-request');
  }
});

test('a pod that was lost while it held other batches too speaks less against a request', (t) => {
  const { submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  submit('1');
  pass();
  const behind = submit('2');
  pass();
  callWith('2').abort('reset');
  assert.equal(behind.pending!.podsLostAlone, 0);
});

test('a pool that must not repeat gives up what may have been executed, and nothing else', (t) => {
  const spec = { requests: { idempotent: false } };
  const { pool, submit, pass, callWith } = virtualPool(t, { pods: { a: ['m'], b: ['m'] }, spec });
  const refused = submit('1');
  pass();
  callWith('1').abort('refused');
  pass();
  callWith('1').finish();
  assert.match(refused.outcome!, /^200/);
  const reset = submit('2');
  pass();
  callWith('2').abort('garbage');
  assert.equal(reset.outcome, '502 pod-failed');
  assert.equal(pool.book.modelQueues.get('m')!.counters.givenUp['not-idempotent'], 1);
});

test('a pod that answers 503 to an envelope is paused, not blamed, and its requests go on', (t) => {
  const { pool, submit, pass, sent, callWith } = virtualPool(t, { pods: { a: ['m'] } });
  const request = submit('1');
  pass();
  callWith('1').abort('busy');
  pass(20);
  assert.deepEqual(sent(), []);
  pass(1);
  assert.deepEqual(sent(), ['a: 1']);
  assert.deepEqual([request.pending!.attempts, request.pending!.mustTravelAlone], [1, false]);
  assert.equal([...pool.endpoints.all][0]!.failures, 0);
});

test('a pod that hangs with one batch has lost them all', (t) => {
  const { submit, pass, callWith, sent } = virtualPool(t, { pods: { a: ['m'] } });
  for (const id of ['1', '2']) {
    submit(id);
    pass();
  }
  callWith('1').abort('hung');
  pass();
  assert.deepEqual(sent(), []);
});

test('a pod that is lost with one batch may still answer the other', (t) => {
  const { submit, pass, callWith, sent } = virtualPool(t, { pods: { a: ['m'] } });
  const requests = ['1', '2'].map((id) => {
    const request = submit(id);
    pass();
    return request;
  });
  callWith('1').abort('reset');
  pass();
  assert.deepEqual(sent(), ['a: 2']);
  callWith('2').finish();
  assert.equal(requests[1]!.outcome, '200 by pod-a');
});

test('a request whose client has gone is not tried again', (t) => {
  const { pool, submit, pass, callWith, sent } = virtualPool(t, { pods: { a: ['m'], b: ['m'] } });
  const [one, two] = [submit('1'), submit('2')];
  pass();
  pool.book.cancel(one.pending!);
  callWith('1').abort('reset');
  pass();
  assert.match(sent().join(), /^\w: 2$/);
  pool.book.cancel(two.pending!);
  callWith('2').abort('reset');
  pass();
  assert.deepEqual([sent(), one.outcome, two.outcome, pool.book.waitingAlone], [[], undefined, undefined, 0]);
});

test('a request whose model has left the pool while a pod held it is answered 404, not tried again', (t) => {
  const { pool, submit, pass, callWith, configure } = virtualPool(t, { models: ['m', 'n'], pods: { a: ['m'] } });
  const requests = ['1', '2'].map((id) => {
    const request = submit(id);
    pass();
    return request;
  });
  configure({ models: ['n'] });
  callWith('1').abort('reset');
  callWith('2').abort('refused');
  assert.deepEqual(
    requests.map(({ outcome }) => outcome),
    ['404 model-not-found', '404 model-not-found'],
  );
  assert.deepEqual([pool.book.queued, pool.book.waitingAlone], [0, 0]);
});
