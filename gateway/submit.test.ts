import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SluiceError } from '../contract/errors.ts';
import { ModelPlace } from './pools.ts';
import type { RequestOutcome } from './queue/request.ts';
import { Submissions } from './submit.ts';
import type { Tracing } from './telemetry/tracing.ts';
import { predictRequest } from './testing/pending.ts';
import { virtualPool } from './testing/virtual-pool.ts';

function textOf(outcome: RequestOutcome): string {
  return outcome.kind === 'answer' ? `${outcome.status}` : outcome.error.code;
}

test('a request is found a place, submitted and settled once', (t) => {
  const { pool, time, callWith, pass } = virtualPool(t, { pods: { a: ['m'] } });
  const submissions = new Submissions({
    pools: { find: (model) => new ModelPlace(pool, pool.book.modelQueues.get(model)!) },
    tracing: null,
  });
  const outcomes: string[] = [];
  const settle = (outcome: RequestOutcome): void => void outcomes.push(textOf(outcome));
  const times = { arrivedAtMs: time.nowMs, deadlineAtMs: time.nowMs + 1_000 };
  const cancel = submissions.submit(submissions.find('m'), predictRequest({ id: '1', ...times, settle }));
  const cancelOther = submissions.submit(submissions.find('m'), predictRequest({ id: '2', ...times, settle }));
  pass();
  cancelOther();
  callWith('1').finish();
  cancel();
  assert.deepEqual(outcomes, ['200']);
});

test('a refusal is an outcome too, and there is nothing left to cancel', (t) => {
  const { pool, time } = virtualPool(t, { pods: { a: ['m'] }, spec: { requests: { maxQueued: 1 } } });
  const place = new ModelPlace(pool, pool.book.modelQueues.get('m')!);
  const submissions = new Submissions({ pools: { find: () => place }, tracing: null });
  const outcomes: string[] = [];
  const settle = (outcome: RequestOutcome): void => void outcomes.push(textOf(outcome));
  const request = predictRequest({ arrivedAtMs: time.nowMs, deadlineAtMs: time.nowMs + 1_000, settle });
  submissions.submit(place, request);
  submissions.submit(place, request)();
  assert.deepEqual(outcomes, ['queue-full']);
});

test('a model that has moved while the body arrived is found again', (t) => {
  const { pool, configure, time } = virtualPool(t, { models: ['m', 'n'], pods: { a: ['m', 'n'] } });
  const former = new ModelPlace(pool, pool.book.modelQueues.get('m')!);
  configure({ models: ['n'] });
  const models = new Map<string, ModelPlace>();
  const submissions = new Submissions({
    pools: {
      find: (model) => {
        const place = models.get(model);
        if (place === undefined) throw new SluiceError('model-not-found', 'no such model');
        return place;
      },
    },
    tracing: null,
  });
  const outcomes: string[] = [];
  const settle = (outcome: RequestOutcome): void => void outcomes.push(textOf(outcome));
  const request = predictRequest({ arrivedAtMs: time.nowMs, deadlineAtMs: time.nowMs + 1_000, settle });
  submissions.submit(former, request);
  assert.deepEqual(outcomes, ['model-not-found']);
  configure({ models: ['m', 'n'] });
  models.set('m', new ModelPlace(pool, pool.book.modelQueues.get('m')!));
  submissions.submit(former, request);
  assert.equal(pool.book.queued, 1);
});

test('a traced request has a span of its own, which ends with its outcome', (t) => {
  const { pool, time, pass, callWith } = virtualPool(t, { pods: { a: ['m'] }, spec: { requests: { maxQueued: 1 } } });
  const steps: string[] = [];
  const trace = {
    traceparent: 'own',
    queued: () => undefined,
    sent: () => 'sent',
    returned: () => undefined,
    end: (status: number | null) => steps.push(`end ${status}`),
  };
  const tracing = {
    begin: (request: object) => {
      steps.push(JSON.stringify(request));
      return trace;
    },
  } as unknown as Tracing;
  const place = new ModelPlace(pool, pool.book.modelQueues.get('m')!);
  const submissions = new Submissions({ pools: { find: () => place }, tracing });
  const settle = (outcome: RequestOutcome, traceparent: string | undefined): void =>
    void steps.push(`${textOf(outcome)} in ${traceparent}`);
  const times = { arrivedAtMs: time.nowMs, deadlineAtMs: time.nowMs + 1_000 };
  submissions.submit(place, predictRequest({ id: '1', traceparent: 'client', ...times, settle }));
  submissions.submit(place, predictRequest({ id: '2', ...times, settle }));
  pass();
  callWith('1').finish();
  assert.deepEqual(steps, [
    '{"id":"1","model":"m","pool":"pool","traceparent":"client","arrivedAtMs":1000}',
    '{"id":"2","model":"m","pool":"pool","arrivedAtMs":1000}',
    'queue-full in own',
    'end 503',
    '200 in own',
    'end 200',
  ]);
});

test('what is no refusal is not hidden', (t) => {
  const { pool } = virtualPool(t, { pods: { a: ['m'] } });
  const place = new ModelPlace(pool, pool.book.modelQueues.get('m')!);
  const tracing = {
    begin: () => {
      throw new Error('a defect');
    },
  } as unknown as Tracing;
  const submissions = new Submissions({ pools: { find: () => place }, tracing });
  assert.throws(() => submissions.submit(place, predictRequest()), /a defect/);
});

test('room for a body is the pool’s', (t) => {
  const { pool } = virtualPool(t, {
    pods: { a: ['m'] },
    spec: { requests: { maxQueuedBytes: 100, maxBodyBytes: 100 } },
  });
  const place = new ModelPlace(pool, pool.book.modelQueues.get('m')!);
  const room = place.room(5);
  room.reserve(0, 60);
  assert.throws(() => room.reserve(0, 60), /is full/);
  room.release(60);
  room.reserve(0, 60);
});
