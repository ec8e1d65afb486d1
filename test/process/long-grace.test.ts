/**
 * A pod that was told to go and takes long over its last answer: its gateway waits for it, as long as the pod tells its state,
 * and notices a pod that hangs meanwhile.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import type { PodStatus } from '../../contract/pod-status.ts';
import { get } from '../../models/testing/model-server.ts';
import { startGateway, until, type Harness } from '../support/gateway-harness.ts';
import { ready, start, type Started } from '../support/pod-process.ts';
import { acceptingPods } from '../support/real-pods.ts';
import { readyPod } from '../support/stand-in-pod.ts';

const runMs = 25;
const maxRows = 8;
/** Rows of a request that is run in parts, for longer than it takes a gateway to find that a pod hangs: 1 s without an answer, 1 s without its state. */
const longRows = (3_000 / runMs) * maxRows;
const limits = { batching: { maxRows, maxRequestRows: longRows }, requests: { timeoutMs: 60_000 } };

async function startPod(t: TestContext, uid: string): Promise<Started> {
  const file = await readFile(new URL('../../models/zoo/simple/1/model.onnx', import.meta.url));
  const config = `maxRows: ${maxRows}\nmaxRequestRows: ${longRows}\ndelay: { runMs: ${runMs} }\n`;
  const pod = await start(
    { simple: { versions: { 1: file }, config } },
    {
      SLUICE_POD_UID: uid,
      SLUICE_POD_NAME: `pod-${uid}`,
      SLUICE_MAX_REQUEST_ROWS: String(longRows),
      SLUICE_DRAIN_DELAY_MS: '50',
    },
  );
  t.after(() => pod[Symbol.asyncDispose]());
  await ready(pod);
  return pod;
}

function bodyOf(rows: number): string {
  const data = Array.from({ length: rows * 16 }, (_, at) => at % 1_000);
  const input = (name: string) => ({ name, datatype: 'INT32', shape: [rows, 16], data });
  return JSON.stringify({ inputs: [input('INPUT0'), input('INPUT1')] });
}

function sumsOf(body: string): number[] {
  const { outputs } = JSON.parse(body) as { outputs: { name: string; data: number[] }[] };
  return outputs.find(({ name }) => name === 'OUTPUT0')!.data;
}

async function statusOf({ origin }: Started): Promise<PodStatus> {
  return (await get(`${origin}/v2/pod`)).json as PodStatus;
}

/** Shows the pods to the gateway, those of `ending` as told to go. */
function show({ cluster, pool }: Harness, pods: readonly Started[], ending?: Started): void {
  const listed = pods.map((pod, uid) => readyPod(String(uid), pod.origin));
  cluster.show({
    pools: [pool],
    pods: listed.map((pod) => (pod.origin === ending?.origin ? { ...pod, phase: 'Terminating' } : pod)),
  });
}

interface Held {
  readonly pod: Started;
  readonly name: string;
  readonly answer: ReturnType<Harness['predict']>;
}

/** Sends a request that takes seconds, tells its pod to go, and waits until the pod takes no more. */
async function holdByEndingPod(harness: Harness, pods: readonly Started[]): Promise<Held> {
  const answer = harness.predict(bodyOf(longRows), {}, 'simple');
  let pod: Started | undefined;
  await until('a pod has the request', async () => {
    const running = pods.filter(({ child }) => child.exitCode === null);
    const statuses = await Promise.all(running.map(statusOf));
    pod = running[statuses.findIndex(({ inFlight }) => inFlight > 0)];
    return pod !== undefined;
  });
  const { child, origin } = pod!;
  child.kill('SIGTERM');
  show(harness, pods, pod);
  const isRefused = () => get(`${origin}/v2/models/simple/infer`, 'POST').then(({ status }) => status === 503);
  await until('the pod takes no more', isRefused);
  return { pod: pod!, name: `pod-${pods.indexOf(pod!)}`, answer };
}

test('a pod that was told to go', async (t) => {
  const harness = await startGateway(t, 0, { models: ['simple'], ...limits });
  const pods = await Promise.all(['0', '1', '2'].map((uid) => startPod(t, uid)));
  show(harness, pods);
  await until('all pods are known', () => acceptingPods(harness) === pods.length);
  // The gateway learns what a run takes, and so for how long to wait.
  for (let request = 0; request < 5; request += 1) {
    assert.equal((await harness.predict(bodyOf(1), {}, 'simple')).status, 200);
  }
  const { ejections } = [...harness.gateway.pools.all][0]!.endpoints;

  await t.test('is waited for until it has given its last answer', async () => {
    const { pod, name, answer } = await holdByEndingPod(harness, pods);
    const { state, inFlight } = await statusOf(pod);
    assert.deepEqual([state, inFlight], ['draining', 1]);
    assert.equal((await get(`${pod.origin}/v2/health/ready`)).status, 503);
    const { status, headers, body } = await answer;
    assert.deepEqual([status, headers['sluice-pod']], [200, name], body.slice(0, 300));
    assert.ok(sumsOf(body).every((sum, at) => sum === 2 * (at % 1_000)));
    assert.deepEqual(await pod.ended, { code: 0, signal: null });
    assert.equal(ejections.hung, 0);
  });

  await t.test('and hangs is given up, and another answers', async () => {
    const { pod, name, answer } = await holdByEndingPod(harness, pods);
    pod.child.kill('SIGSTOP');
    const { status, headers, body } = await answer;
    assert.equal(status, 200, body.slice(0, 300));
    assert.notEqual(headers['sluice-pod'], name);
    assert.equal(ejections.hung, 1);
  });
});
