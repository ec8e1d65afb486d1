/** Spans of a real SDK, over the gateway alone and over a whole system; without one, the client's traceparent as it came. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, test, type TestContext } from 'node:test';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { startGateway, until } from '../support/gateway-harness.ts';
import { Client, json } from '../support/requests.ts';
import { startSystem } from '../support/system.ts';
import type { WrittenSpan } from '../support/trace-preload.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const callerId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${callerId}-01`;

describe('with an SDK in the process', () => {
  afterEach(() => trace.disable());

  function withSdk(t: TestContext): InMemorySpanExporter {
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    trace.setGlobalTracerProvider(provider);
    t.after(() => provider.shutdown());
    return exporter;
  }
  const named = (exporter: InMemorySpanExporter, name: string): ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === name);

  test('queue and envelope are children of the request, it is one of the client, and the pod is given the envelope', async (t) => {
    const exporter = withSdk(t);
    const harness = await startGateway(t, 1);
    const answer = await harness.predict('1', { traceparent, 'x-request-id': 'mine' });
    assert.equal(answer.status, 200);
    await until('the request has ended', () => named(exporter, 'sluice.request').length === 1);
    const [request] = named(exporter, 'sluice.request');
    const [queue] = named(exporter, 'sluice.queue');
    const [envelope] = named(exporter, 'sluice.envelope');
    assert.equal(request!.spanContext().traceId, traceId);
    assert.equal(request!.parentSpanContext?.spanId, callerId);
    const own = request!.spanContext().spanId;
    assert.deepEqual([queue!.parentSpanContext?.spanId, envelope!.parentSpanContext?.spanId], [own, own]);
    assert.deepEqual(request!.attributes, {
      'sluice.pool': 'pool',
      'sluice.model': 'echo',
      'sluice.request_id': 'mine',
      'http.response.status_code': 200,
    });
    assert.deepEqual(envelope!.attributes, {
      'sluice.pod': 'pod-0',
      'sluice.envelope.requests': 1,
      'sluice.attempt': 1,
    });
    assert.equal(harness.pods[0]!.heads[0]!.traceparent, `00-${traceId}-${envelope!.spanContext().spanId}-01`);
  });

  test('without a traceparent, or with a broken one, a request is the root of its own trace', async (t) => {
    const exporter = withSdk(t);
    const harness = await startGateway(t, 1);
    await harness.predict('1');
    await harness.predict('2', { traceparent: 'broken' });
    await until('both have ended', () => named(exporter, 'sluice.request').length === 2);
    const [one, other] = named(exporter, 'sluice.request');
    assert.equal(one!.parentSpanContext, undefined);
    assert.equal(other!.parentSpanContext, undefined);
    assert.notEqual(one!.spanContext().traceId, other!.spanContext().traceId);
    assert.ok(harness.pods[0]!.heads[0]!.traceparent!.includes(one!.spanContext().traceId));
  });

  test('a try that a pod lost is an error, and the next is another envelope of the same request', async (t) => {
    const exporter = withSdk(t);
    const harness = await startGateway(t, 2);
    await until('both serve', async () => (await harness.metric('sluice_pods{pool="pool",state="serving"}')) === 2);
    harness.pods[0]!.behaviour = { kind: 'garbage' };
    const isLost = (span: ReadableSpan): boolean => span.status.code === SpanStatusCode.ERROR;
    await until('a request has met the bad pod', async () => {
      assert.equal((await harness.predict('1')).status, 200);
      return named(exporter, 'sluice.envelope').some(isLost);
    });
    const envelopes = named(exporter, 'sluice.envelope');
    const lost = envelopes.find(isLost);
    assert.match(lost?.status.message ?? '', /^garbage: /);
    const same = envelopes.filter((span) => span.parentSpanContext?.spanId === lost!.parentSpanContext?.spanId);
    assert.deepEqual(
      same.map(({ attributes }) => attributes['sluice.pod']),
      ['pod-0', 'pod-1'],
    );
  });

  test('a request that nobody could take ends with its error, and its queue with it', async (t) => {
    const exporter = withSdk(t);
    const harness = await startGateway(t, 0);
    assert.equal((await harness.predict('1', { 'sluice-timeout-ms': '50', traceparent })).status, 504);
    await until('it has ended', () => named(exporter, 'sluice.request').length === 1);
    const [request] = named(exporter, 'sluice.request');
    assert.deepEqual(
      [request!.attributes['http.response.status_code'], request!.status.code],
      [504, SpanStatusCode.ERROR],
    );
    assert.equal(named(exporter, 'sluice.queue').length, 1);
    assert.equal(named(exporter, 'sluice.envelope').length, 0);
  });
});

test('without an SDK the pod is given what the client sent, if it is valid', async (t) => {
  const harness = await startGateway(t, 1);
  await harness.predict('1', { traceparent });
  await harness.predict('2', { traceparent: `00-${traceId}-0000000000000000-01` });
  assert.deepEqual(
    harness.pods[0]!.heads.map((head) => head.traceparent),
    [traceparent, undefined],
  );
});

test('preloaded into a whole system: one trace from the client over the gateway to the run in the pod', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'sluice-traces-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'spans');
  const preload = new URL('../support/trace-preload.ts', import.meta.url).href;
  const system = await startSystem(['--models', 'simple', '--pods', '1'], {
    env: { NODE_OPTIONS: `--import=${preload}`, TRACE_FILE: file },
  });
  t.after(() => system.stop());
  const client = new Client(system.origin);
  t.after(() => client.close());
  const input = { datatype: 'INT32', shape: [1, 16], data: new Array<number>(16).fill(1) };
  const payload = json({ inputs: ['INPUT0', 'INPUT1'].map((name) => ({ name, ...input })) });
  const answer = await client.infer('simple', { ...payload, headers: { ...payload.headers, traceparent } });
  assert.equal(answer.status, 200);
  let spans: WrittenSpan[] = [];
  await until('all spans are written', () => {
    try {
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      spans = lines.map((line) => JSON.parse(line) as WrittenSpan).filter((span) => span.traceId === traceId);
    } catch {
      return false;
    }
    return spans.length >= 4;
  });
  const by = (name: string): WrittenSpan => spans.find((span) => span.name === name)!;
  const request = by('sluice.request');
  assert.equal(request.parentId, callerId);
  assert.equal(by('sluice.queue').parentId, request.spanId);
  assert.equal(by('sluice.envelope').parentId, request.spanId);
  const run = by('sluice.run');
  assert.equal(run.parentId, by('sluice.envelope').spanId);
  assert.equal(run.attributes['sluice.run.rows'], 1);
  assert.equal(run.attributes['sluice.request_id'], request.attributes['sluice.request_id']);
  assert.ok(run.ms >= 0 && run.ms <= request.ms + 50, `run ${run.ms} ms, request ${request.ms} ms`);
});
