/** Drains that are not the scaler's, and a scaler that stops in the middle of its own: pods serve again, and nothing is lost. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { parseModelPool } from '../../contract/model-pool.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import type { TimelineEvent } from '../../contract/timeline-event.ts';
import { startParts } from '../support/local-parts.ts';
import { makeRepository } from '../support/repository.ts';
import { Client, json, simpleInputs } from '../support/requests.ts';
import { eventually, offer, startScaling, type ScalingSystem } from '../support/scaling.ts';

const limitMs = 120_000;
/** Secret of the whole system, which lets this test drain pods as an operator may. */
const secret = 'drains-of-this-test-alone';
const env = { SLUICE_SECRET: secret };
const headers = { authorization: `Bearer ${secret}` };

interface PodAddress {
  readonly name: string;
  readonly origin: string;
}

function podsOf({ lines }: ScalingSystem): readonly PodAddress[] {
  return (lines.find(({ msg }) => msg === 'running') as unknown as { pods: PodAddress[] }).pods;
}

async function statusOf({ origin }: PodAddress): Promise<PodStatus> {
  return (await (await fetch(`${origin}/v2/pod`)).json()) as PodStatus;
}

async function counted(origin: string, name: string): Promise<number> {
  const text = await (await fetch(`${origin}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'm').exec(text)?.[1]);
}

for (const perS of [20, 0]) {
  test(
    `a stranger's drain of every pod is ended by the scaler, at ${perS} requests/s`,
    { timeout: 4 * limitMs },
    async (t) => {
      const quick = { runMs: 5, rowMs: 1, maxRows: 8 };
      await using scaling = await startScaling(quick, { scaling: { minReplicas: 2, maxReplicas: 2 } }, env);
      const pods = podsOf(scaling);
      // Events tell of what changes after the first report.
      await eventually(
        'both pods serve by a report',
        () => scaling.pool(),
        (pool) => pool.pods.length === 2 && pool.pods.every(({ state }) => state === 'serving'),
        limitMs,
      );
      const over = new AbortController();
      const load = perS === 0 ? Promise.resolve(new Map([[200, 0]])) : offer(scaling, perS, { stop: over.signal });
      const drainedAtMs = scaling.loopMs();
      for (const { origin } of pods) {
        const { status } = await fetch(`${origin}/drain?holder=stranger`, { method: 'POST', headers });
        assert.equal(status, 200);
      }
      // The page is told of each state in a report, however short it was.
      const events = async (): Promise<TimelineEvent[]> =>
        (await (await fetch(`${scaling.system.scalerOrigin}/api/events`)).json()) as TimelineEvent[];
      await eventually(
        'both pods were red',
        events,
        (told) =>
          pods.every(({ name }) =>
            told.some(
              ({ kind, level, subject, text }) =>
                kind === 'drain' &&
                level === 'bad' &&
                subject === name &&
                text === 'drained by "stranger", not by this scaler',
            ),
          ),
        limitMs,
      );
      await eventually(
        'both pods serve',
        () => Promise.all(pods.map(statusOf)),
        (statuses) => statuses.every(({ state }) => state === 'ready'),
        limitMs,
      );
      const healedMs = scaling.loopMs() - drainedAtMs;
      t.diagnostic(`healed after ${Math.round(healedMs)} ms`);
      assert.ok(healedMs <= 5_000, `healed after ${Math.round(healedMs)} ms`);
      // No lapse did it.
      for (const { origin } of pods) assert.equal(await counted(origin, 'sluice_pod_drains_lapsed_total'), 0);
      over.abort();
      assert.deepEqual([...(await load).keys()], [200]);
      for (const { name } of pods) {
        assert.ok(scaling.lines.some(({ msg }) => msg.startsWith('pool slow: ForeignDrain: ') && msg.includes(name)));
        assert.ok(
          scaling.lines.some(({ level, podName, why }) => level === 40 && podName === name && why !== undefined),
        );
      }
      assert.equal(await counted(scaling.system.scalerOrigin, 'sluice_scaler_foreign_drains_total'), 2);
      await eventually(
        'no pod is red',
        () => scaling.pool(),
        (pool) => pool.readyReplicas === 2,
        limitMs,
      );
    },
  );
}

/** A pool of one or two slow pods: their runs outlast a pause of seconds between two steps of the test. */
async function startSlow(t: TestContext) {
  const model = { zoo: 'simple', config: 'maxRows: 8\ndelay: { runMs: 4000 }\n' };
  const repository = await makeRepository({ zoo: [], files: {}, configured: { slow: model } });
  const { pool } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'slow' },
    spec: { models: ['slow'], scaling: { minReplicas: 1, maxReplicas: 2 }, requests: { timeoutMs: 90_000 } },
  });
  return startParts(t, { pool: pool!, repository, env: { pods: env, gateway: env, scaler: env } });
}

/** Asks without pause in each of `width` loops, until the test is over. @returns ends it, and tells how many got which status */
function keepAsking(t: TestContext, origin: string, width: number): () => Promise<Map<number, number>> {
  const client = new Client(origin);
  const statuses = new Map<number, number>();
  let going = true;
  const loops = Array.from({ length: width }, async () => {
    while (going) {
      const status = await client.infer('slow', json({ inputs: simpleInputs(1) })).then(
        (answer) => answer.status,
        () => -1,
      );
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  t.after(async () => {
    going = false;
    await client.close();
  });
  return async () => {
    going = false;
    await Promise.all(loops);
    return statuses;
  };
}

test(
  'a scaler that stops in its drains: pods serve again, and go only under new drains',
  { timeout: 4 * limitMs },
  async (t) => {
    const { cluster, scaler, lines, origin, ready } = await startSlow(t);
    cluster.setReplicas('slow', 4);
    await eventually('four pods are ready', ready, (pods) => pods.length === 4, limitMs);
    const all = ready().map(({ name, origin: address }) => ({ name, origin: address! }));
    const statuses = () => Promise.all(all.map(statusOf));
    // Each pod has more than one full batch, so that none is idle when its drain begins.
    const stopAsking = keepAsking(t, origin, 64);
    await eventually('all are busy', statuses, (of) => of.every(({ inFlight }) => inFlight > 0), limitMs);

    // The pool has two pods more than its maximum, and each holds requests for seconds.
    const leader = scaler();
    const drained = async () => {
      const of = await statuses();
      return all.filter((_, index) => of[index]!.drain !== undefined);
    };
    const victims = await eventually('two pods drain', drained, (pods) => pods.length === 2, limitMs);
    const ports = await leader.started;
    assert.ok('adminPort' in ports, JSON.stringify(ports));
    // Two answers of the scaler: it has read what the pods answered to it before.
    for (let count = 0; count < 2; count += 1)
      await counted(`http://127.0.0.1:${ports.adminPort}`, 'sluice_scaler_leader');
    process.kill(leader.pid()!, 'SIGSTOP');
    let isStopped = true;
    t.after(() => {
      // A test that ends before its time leaves no stopped process behind.
      if (isStopped) process.kill(leader.pid()!, 'SIGCONT');
    });
    const stoppedAt = lines.length;
    assert.equal(cluster.view.pods.length, 4, 'the drains are still open');

    await eventually('they lapse', drained, (pods) => pods.length === 0, limitMs);
    const runs = () => Promise.all(victims.map((pod) => counted(pod.origin, 'nv_inference_count')));
    const before = await runs();
    const more = (now: readonly number[]) => now.every((count, index) => count > before[index]!);
    await eventually('they get requests again', runs, more, limitMs);
    for (const { name, origin: address } of victims) {
      assert.equal(await counted(address, 'sluice_pod_drains_lapsed_total'), 1);
      assert.ok(lines.slice(stoppedAt).some((line) => line.includes(`${name}: nobody renewed the mark`)));
    }
    assert.equal(cluster.view.pods.length, 4);

    process.kill(leader.pid()!, 'SIGCONT');
    isStopped = false;
    await eventually(
      'two pods go',
      () => cluster.view.pods,
      (pods) => pods.length === 2,
      limitMs,
    );
    const since = lines.slice(stoppedAt).filter((line) => /drain/i.test(line));
    assert.match(since.join('\n'), /it begins anew/, 'the scaler tells of the lapse');
    assert.deepEqual([...(await stopAsking()).keys()], [200]);
    const told = lines.filter((line) => line.includes('"msg":"draining"'));
    const held = told.map((line) => /"inFlight":(\d+)/.exec(line)?.[1]);
    assert.deepEqual(held, ['0', '0'], 'pods that end hold nothing');
  },
);
