/**
 * A pod's own grace period is respected: a request that takes longer than the scaler's least time for an end is answered by the pod
 * that was told to go, and not by another that runs it again. The long form takes a grace of 300 s under the default of 90 s.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { longForm } from '../support/long-form.ts';
import { until } from './support/kubectl.ts';
import { poolObjects } from './support/pool.ts';
import { gatewaySelector, podStates, readyPods, settled } from './support/state.ts';
import { install, type System } from './support/system.ts';

const graceSeconds = longForm ? 300 : 45;
const requestSeconds = longForm ? 240 : 20;
/** Setting of the scaler that would end the pod in the middle of the request, if it counted alone. */
const scalerEnv: Readonly<Record<string, string>> = longForm ? {} : { SLUICE_POD_GRACE_MS: '5000' };
const runMs = 2000;
const maxRows = 8;
/** A request of so many rows is run in parts, one after the other. */
const rows = (maxRows * 1000 * requestSeconds) / runMs;
let system: System;

before(async () => {
  system = await install('grace', { gateways: 1, scalers: 1, scalerEnv });
  const spec = { requests: { timeoutMs: 1000 * graceSeconds }, batching: { maxRows, maxRequestRows: rows } };
  const scaling = { minReplicas: 1, maxReplicas: 1 };
  await system.namespace.apply(
    poolObjects({ name: 'simple', runMs, maxRows, maxRequestRows: rows, graceSeconds, spec, scaling }),
  );
  await settled(system.namespace, 'simple', 1);
});
after(() => system.close());

/** Runs inside the gateway's pod: one request of all rows, and what came of it. */
const script = `
  const http = require('node:http');
  const data = Array.from({ length: ${rows} * 16 }, (_, at) => at % 1000);
  const input = (name) => ({ name, datatype: 'INT32', shape: [${rows}, 16], data });
  const path = '/v2/models/simple/infer';
  const request = http.request({ port: 8080, path, method: 'POST', headers: { 'content-type': 'application/json' } });
  request.on('response', async (response) => {
    const text = (await response.toArray()).join('');
    const sums = response.statusCode === 200 ? JSON.parse(text).outputs.find(({ name }) => name === 'OUTPUT0').data : [];
    const right = sums.length === data.length && sums.every((sum, at) => sum === 2 * data[at]);
    const pod = response.headers['sluice-pod'];
    console.log(JSON.stringify({ status: response.statusCode, right, pod, text: right ? '' : text.slice(0, 300) }));
  });
  request.end(JSON.stringify({ inputs: [input('INPUT0'), input('INPUT1')] }));`;

test(`a request of ${requestSeconds} s is answered by a pod that was told to go, within its grace of ${graceSeconds} s`, (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    const [gateway] = await namespace.pods(gatewaySelector);
    const [pod] = await readyPods(namespace, 'simple');
    const { name } = pod!.metadata;
    const startedMs = performance.now();
    const answer = namespace.kubectl(['exec', gateway!.metadata.name, '--', 'node', '--eval', script]);
    await until('the request at the pod', 30_000, async () => {
      const [states] = await podStates(namespace, 'simple');
      return states?.some(({ inFlight }) => inFlight > 0) === true ? true : null;
    });
    await namespace.kubectl(['delete', 'pod', name, '--wait=false']);
    // A pod that is deleted by force is gone from the API server at once, though its process may live on for a while.
    await sleep(startedMs + 1000 * (requestSeconds - 5) - performance.now());
    const left = await namespace.kubectl(['get', 'pod', name, '--output', 'jsonpath={.metadata.uid}']);
    assert.equal(left, pod!.metadata.uid, 'deleted by force within its grace');
    const got = JSON.parse(await answer) as object;
    const tookS = (performance.now() - startedMs) / 1000;
    assert.deepEqual(got, { status: 200, right: true, pod: name, text: '' });
    assert.ok(tookS >= requestSeconds, `it took ${tookS} s`);
    t.diagnostic(`answered after ${Math.round(tookS)} s`);
  }));
