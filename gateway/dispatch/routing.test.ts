/** Which pod gets a request, by what each pod says that it serves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServedModel } from '../../contract/pod-status.ts';
import { virtualPool } from '../testing/virtual-pool.ts';

const unready =
  (...models: readonly string[]) =>
  (model: ServedModel): ServedModel => ({ ...model, ready: !models.includes(model.name) });
const models = ['a', 'b', 'c'];

test('a request goes only to pods that list its model ready, however busy they are', (t) => {
  const { submit, sent, pass } = virtualPool(t, {
    models,
    pods: { one: models, two: ['c'] },
    prepare: (pod) => {
      if (pod.uid === 'one') pod.changeModel = unready('c');
    },
  });
  for (const id of ['c1', 'c2', 'c3']) {
    submit(id, { model: 'c' });
    pass();
  }
  submit('a1', { model: 'a' });
  submit('b1', { model: 'b' });
  pass();
  assert.deepEqual(
    sent()
      .filter((line) => line.startsWith('two'))
      .map((line) => line.includes('c')),
    [true, true],
  );
  assert.deepEqual(
    sent().filter((line) => line.startsWith('one')),
    ['one: a1', 'one: b1'],
  );
});

test('a model that becomes ready is routed to within a second, and then the pod is asked no more', (t) => {
  const { submit, sent, pass, pods } = virtualPool(t, {
    models,
    pods: { one: models },
    prepare: (pod) => (pod.changeModel = unready('c')),
  });
  const [one] = pods;
  assert.equal(submit('c1', { model: 'c' }).outcome, '503 model-not-ready');
  pass(2_000);
  assert.ok(one!.probes <= 4, `about one question a second, were ${one!.probes}`);
  one!.changeModel = unready();
  pass(1_200);
  const asked = one!.probes;
  submit('c2', { model: 'c' });
  pass();
  assert.deepEqual(sent(), ['one: c2']);
  pass(5_000);
  assert.equal(one!.probes, asked);
});

test('a pod that does not answer for its list is no sick pod', (t) => {
  const { submit, sent, pass, pods, pool } = virtualPool(t, {
    models,
    pods: { one: models },
    prepare: (pod) => (pod.changeModel = unready('c')),
  });
  pods[0]!.loses = 'reset';
  pass(3_000);
  assert.deepEqual(
    [...pool.endpoints.all].map(({ health, failures }) => [health.kind, failures]),
    [['serving', 0]],
  );
  submit('a1', { model: 'a' });
  pass();
  assert.deepEqual(sent(), ['one: a1']);
});

test('an answer of "not ready" sends the request elsewhere, and is no failure', (t) => {
  const { submit, sent, pass, pods, pool, callWith } = virtualPool(t, {
    models,
    pods: { one: models, two: models },
  });
  const [one, two] = pods;
  const request = submit('c1', { model: 'c' });
  pass();
  const first = sent()[0]!.startsWith('one') ? one! : two!;
  const second = first === one ? two! : one!;
  const probesBefore = first.probes;
  first.changeModel = unready('c');
  const call = callWith('c1');
  call.answer(0, { status: 503, notReady: true });
  call.end({ runs: [] });
  pass();
  assert.deepEqual(sent(), [`${second.uid}: c1`]);
  assert.equal(first.probes, probesBefore + 1, 'its list is read at once');
  callWith('c1').finish();
  pass();
  assert.equal(request.outcome, `200 by pod-${second.uid}`);
  assert.deepEqual(
    [...pool.endpoints.all].map(({ health, failures }) => [health.kind, failures]),
    [
      ['serving', 0],
      ['serving', 0],
    ],
  );
  assert.equal(pool.book.modelQueues.get('c')!.counters.retries['error-answers'], 0);
  for (const id of ['c2', 'c3', 'c4']) {
    submit(id, { model: 'c' });
    pass();
  }
  submit('a1', { model: 'a' });
  pass();
  assert.ok(
    sent().every((line) => line.startsWith(first.uid) === line.includes('a1')),
    sent().join('; '),
  );
});

test('where no other pod has the model and none is coming, the client gets the answer with its reason', (t) => {
  const { submit, pass, callWith, pods } = virtualPool(t, { models, pods: { one: models } });
  const request = submit('c1', { model: 'c' });
  pass();
  pods[0]!.changeModel = unready('c');
  callWith('c1').answer(0, { status: 503, notReady: true });
  assert.equal(request.outcome, '503 by pod-one');
});

test('where another pod is on its way, the request waits for it', (t) => {
  const { submit, pass, callWith, pods, list, sent } = virtualPool(t, {
    models,
    pods: { one: models, two: models },
    prepare: (pod) => {
      if (pod.uid !== 'two') return;
      pod.state = 'loading';
      pod.changeModel = unready(...models);
    },
  });
  const [one, two] = pods;
  list(one!.listed(), two!.listed({ phase: 'Running' }));
  const request = submit('c1', { model: 'c' });
  pass();
  one!.changeModel = unready('c');
  const call = callWith('c1');
  call.answer(0, { status: 503, notReady: true });
  call.end({ runs: [] });
  pass(500);
  assert.deepEqual([request.outcome, sent()], [undefined, []]);
  two!.changeModel = unready();
  two!.state = 'ready';
  pass(200);
  assert.deepEqual(sent(), ['two: c1']);
});

test('a pod that loads still serves what it lists as ready', (t) => {
  const { submit, sent, pass } = virtualPool(t, {
    models,
    pods: { one: models },
    prepare: (pod) => {
      pod.state = 'loading';
      pod.changeModel = unready('b', 'c');
    },
  });
  submit('a1', { model: 'a' });
  pass();
  assert.deepEqual(sent(), ['one: a1']);
  assert.equal(submit('b1', { model: 'b' }).outcome, '503 model-not-ready');
});

test('a pod that alone serves a model is not ejected for slowness, and a sick one is', (t) => {
  const { pool } = virtualPool(t, { models, pods: { one: ['a', 'b'], two: ['a', 'b'], three: ['b', 'c'] } });
  const [one, , three] = [...pool.endpoints.all];
  const slow = { kind: 'evidence', evidence: 'slow' } as const;
  pool.endpoints.recordEvidence(three!, slow);
  assert.equal(three!.health.kind, 'serving', 'nobody else has c');
  pool.endpoints.recordEvidence(one!, slow);
  assert.equal(one!.health.kind, 'ejected');
  pool.endpoints.recordEvidence(three!, { kind: 'evidence', evidence: 'reset' });
  assert.equal(three!.health.kind, 'ejected');
});

test('a version that is not ready at one pod is asked for at another', (t) => {
  const { submit, sent, pass } = virtualPool(t, {
    models: ['a'],
    pods: { one: ['a'], two: ['a'] },
    prepare: (pod) => {
      const version = (name: string, ready: boolean): ServedModel => ({
        name: 'a',
        version: name,
        ready,
        isDefault: name === '2',
        maxRows: 8,
        maxRequestRows: 8,
        warmup: [],
      });
      pod.alsoReports = { models: [version('1', true), version('2', pod.uid === 'two')] };
    },
  });
  submit('default', { model: 'a' });
  pass();
  assert.deepEqual(sent(), ['two: default']);
  submit('first', { model: 'a', version: '1' });
  pass();
  assert.deepEqual(sent(), ['one: first', 'two: default'], 'the idle pod has the version that is named');
});
