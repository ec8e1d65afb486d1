/**
 * Faults on a real cluster, each in a pool of its own and most of them at once: each is named on the page (by its data), by
 * `sluice pools` and in the status that `kubectl describe` shows. The promise is 15 s, which test/monitoring/named-faults.test.ts holds
 * to on virtual time; here it is measured and told, and only a bound that a hang reaches fails.
 */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { poolsTable } from '../../cli/pools.ts';
import type { PoolStatus } from '../../contract/pool-status.ts';
import type { PoolsReport } from '../../contract/scaler-api.ts';
import { killProcess } from './support/kill.ts';
import { until } from './support/kubectl.ts';
import { present } from './support/release.ts';
import { podsOf, poolObjects, type PoolOptions } from './support/pool.ts';
import { gatewaySelector, readyPods, restartsOf, scalerSelector, settled } from './support/state.ts';
import { install, type System } from './support/system.ts';

/** Time in which everything that is said to be named within 15 s is named, on a machine with other work. */
const limitMs = 120_000;
let system: System;

before(async () => {
  system = await install('faults', { gateways: 1, scalers: 1 });
});
after(() => system.close());

interface Fault {
  readonly pool: string;
  /** Reason of the trouble, and words that every place has. */
  readonly reason: RegExp;
  readonly words: RegExp;
  /** The pool as it is before the fault. */
  readonly well?: Omit<PoolOptions, 'name'>;
  /** Whether it is mended by itself soon, so that the commands, which are run once all are named, may come too late. */
  readonly passes?: true;
  /** Whether it is named at each look from the first on that names it: a pod that is replaced takes nothing away. */
  readonly stays?: true;
  /** Resolves when the fault is there; without it the load on the pool is the fault. */
  readonly begin?: () => Promise<unknown>;
}

const one = { scaling: { minReplicas: 1, maxReplicas: 1 } } as const;
const apply = (name: string, options: Omit<PoolOptions, 'name'>): Promise<string> =>
  system.namespace.apply(poolObjects({ name, ...one, ...options }));
const podOf = async (pool: string): Promise<string> => (await readyPods(system.namespace, pool))[0]!.metadata.name;

const faults: readonly Fault[] = [
  {
    pool: 'endpoint',
    reason: /^EndpointDown$/,
    words: /nobody/,
    begin: async () => {
      const metadata = { name: 'nobody' };
      await system.namespace.apply({ apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } });
      await system.namespace.apply({
        apiVersion: 'sluice.dev/v1alpha1',
        kind: 'ModelPool',
        metadata: { name: 'endpoint' },
        spec: { models: ['endpoint'], endpoints: ['http://nobody:80'] },
      });
    },
  },
  {
    pool: 'model',
    reason: /^NotServed$/,
    words: /model-bad: .*protobuf/i,
    begin: async () => {
      const models = ['model-good', 'model-bad'];
      await apply('model', { models, broken: 'model-bad', env: { SLUICE_REQUIRED_MODELS: 'none' } });
      await settled(system.namespace, 'model', 1);
    },
  },
  {
    pool: 'hung',
    reason: /^(OutOfRotation|Replacing|TooManySick|NoPodServes)$/,
    words: /hung-\S+/,
    well: { sick: true },
    passes: true,
    begin: async () => system.namespace.get(await podOf('hung'), 9000, '/fault?kind=hang'),
  },
  {
    pool: 'killed',
    reason: /^PodsFailing$/,
    words: /killed-\S+: Restarting: exit code 137/,
    // Long enough for each place to be looked at before the pod serves again.
    well: { shareProcesses: true, startDelayMs: 15_000 },
    passes: true,
    begin: async () => killProcess(system.namespace, await podOf('killed'), 'model-server', 'model-server'),
  },
  {
    pool: 'skew',
    reason: /^PodsDiffer$/,
    words: /skew: not every pod has version/,
    well: {},
    begin: async () => {
      const { namespace } = system;
      // The old pod goes once the new one has been ready for so long.
      const patch = JSON.stringify({ spec: { minReadySeconds: 120 } });
      await namespace.kubectl(['patch', 'deployment', 'skew', '--patch', patch]);
      await apply('skew', { versions: ['2'], annotation: 'second' });
      await until('pods of both', limitMs, async () =>
        (await readyPods(namespace, 'skew')).length === 2 ? true : null,
      );
    },
  },
  {
    pool: 'image',
    reason: /^PodsFailing$/,
    words: /image-\S+: ImagePullBackOff: .*no-such-image/,
    begin: () => apply('image', { release: { ...present, image: 'localhost/no-such-image:1' } }),
  },
  {
    pool: 'crash',
    reason: /^PodsFailing$/,
    stays: true,
    words: /crash-\S+: (Restarting|CrashLoopBackOff): exit code \d+.*SLUICE_MAX_BODY_BYTES/,
    begin: async () => {
      await apply('crash', { env: { SLUICE_MAX_BODY_BYTES: 'plenty' } });
      await until('its first exit', limitMs, async () =>
        (await restartsOf(system.namespace, podsOf('crash'))).some((count) => count > 0) ? true : null,
      );
    },
  },
  { pool: 'rejected', reason: /^Rejecting$/, words: /% are rejected as faulty \(4xx\)/, well: {} },
  {
    pool: 'late',
    reason: /^TimingOut$/,
    words: /\d+% timed out/,
    // Its pod never comes: each request reaches its deadline.
    begin: () => apply('late', { startDelayMs: 600_000, spec: { requests: { timeoutMs: 1000 } } }),
  },
  {
    pool: 'shed',
    reason: /^Shedding$/,
    words: /\d+% shed/,
    well: { runMs: 1000, maxRows: 1, spec: { requests: { maxQueued: 2 } } },
  },
];

/** Requests per second for each model, and models whose requests are faulty. */
const perSecond = { hung: 2, killed: 1, skew: 2, 'model-good': 1, 'model-bad': 1, rejected: 2, late: 2, shed: 10 };
const faulty = ['rejected'];
const trafficSeconds = 240;

/** Runs inside the gateway's pod, and ends by itself. */
const traffic = `
  const input = (name) => ({ name, datatype: 'INT32', shape: [1, 16], data: Array(16).fill(1) });
  const good = JSON.stringify({ inputs: [input('INPUT0'), input('INPUT1')] });
  for (const [model, rate] of Object.entries(${JSON.stringify(perSecond)})) {
    const body = ${JSON.stringify(faulty)}.includes(model) ? '{"inputs": []}' : good;
    const headers = { 'content-type': 'application/json' };
    const url = 'http://127.0.0.1:8080/v2/models/' + model + '/infer';
    setInterval(() => fetch(url, { method: 'POST', headers, body }).then((it) => it.text()).catch(() => 0), 1000 / rate);
  }
  setTimeout(() => process.exit(0), ${1000 * trafficSeconds});`;

const places = ['page', 'sluice pools', 'kubectl'] as const;
type Named = Partial<Record<(typeof places)[number], number>>;

async function scalerPod(): Promise<string> {
  const [pod] = await system.namespace.pods(scalerSelector);
  return pod!.metadata.name;
}

/** Report and statuses of now, from which each place is made: the commands themselves start a process each time. */
async function look(): Promise<{ report: PoolsReport; statuses: Map<string, PoolStatus> }> {
  const { namespace } = system;
  const [text, { items }] = await Promise.all([
    namespace.get(await scalerPod(), 8082, '/api/pools'),
    namespace.json<{ items: { metadata: { name: string }; status?: PoolStatus }[] }>(['get', 'modelpools']),
  ]);
  const statuses = new Map(items.flatMap(({ metadata, status }) => (status ? [[metadata.name, status]] : [])));
  return { report: JSON.parse(text) as PoolsReport, statuses };
}

/** Places that name the fault of a pool. */
function placesOf(
  { pool, reason, words }: Pick<Fault, 'pool' | 'reason' | 'words'>,
  seen: Awaited<ReturnType<typeof look>>,
) {
  const { report, statuses } = seen;
  const pools = report.pools.filter(({ name }) => name === pool);
  const lines = poolsTable({ ...report, pools }).split('\n');
  const conditions = statuses.get(pool)?.conditions ?? [];
  return {
    page: pools.some(({ troubles = [] }) => troubles.some((one) => reason.test(one.reason) && words.test(one.message))),
    'sluice pools': lines.some((line) => words.test(line)),
    kubectl: conditions.some((one) => reason.test(one.reason) && words.test(one.message)),
  };
}

/** Looks until all places have named each fault. @returns seconds from its beginning, by pool and place */
async function namedAfter(
  watched: readonly Fault[],
  beganMs: ReadonlyMap<string, number>,
): Promise<Map<string, Named>> {
  const named = new Map(watched.map(({ pool }): [string, Named] => [pool, {}]));
  const missing = () =>
    watched.flatMap(({ pool }) =>
      places.flatMap((place) => (named.get(pool)![place] === undefined ? `${pool}: ${place}` : [])),
    );
  const startedMs = performance.now();
  while (missing().length > 0) {
    const seen = await look();
    for (const fault of watched) {
      const found = placesOf(fault, seen);
      const began = beganMs.get(fault.pool) ?? Infinity;
      const afterS = Math.max(0, Math.round((performance.now() - began) / 100) / 10);
      const before = named.get(fault.pool)!;
      if (fault.stays === true && before.page !== undefined && !found.page)
        throw new Error(`${fault.pool} was named after ${before.page} s, and no more\n${poolsTable(seen.report)}`);
      for (const place of places) if (found[place]) before[place] ??= afterS;
    }
    if (performance.now() - startedMs > 2 * limitMs)
      throw new Error(`not named: ${missing().join(', ')}\n${poolsTable(seen.report)}`);
  }
  return named;
}

const told = (t: TestContext, named: ReadonlyMap<string, Named>): void => {
  for (const [pool, seconds] of named)
    t.diagnostic(`${pool}: ${places.map((place) => `${place} ${seconds[place]} s`).join(', ')}`);
};

/** Table of the command that a person types at the scaler. */
const sluicePools = async (): Promise<string> =>
  system.namespace.kubectl(['exec', await scalerPod(), '--', 'node', '/app/cli/sluice.js', 'pools']);
const describePools = (): Promise<string> => system.namespace.kubectl(['describe', 'modelpools']);

test('ten faults at once are named on the page, by `sluice pools` and by `kubectl describe`', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    const well = faults.flatMap(({ pool, well }) => (well === undefined ? [] : [{ pool, well }]));
    for (const { pool, well: options } of well) await apply(pool, options);
    for (const { pool } of well) await settled(namespace, pool, 1, 2 * limitMs);
    const [gateway] = await namespace.pods(gatewaySelector);
    void namespace.kubectl(['exec', gateway!.metadata.name, '--', 'node', '--eval', traffic]).catch(() => undefined);
    const beganMs = new Map<string, number>();
    const beginnings = faults.map(async ({ pool, begin }) => {
      await begin?.();
      beganMs.set(pool, performance.now());
    });
    const [named] = await Promise.all([namedAfter(faults, beganMs), ...beginnings]);
    told(t, named);
    // Requests of a busy machine may stop for seconds, and a rate with them.
    const lasting = faults.filter(({ passes }) => passes !== true);
    const described = await until('all that last to be named by the commands', limitMs, async () => {
      const [table, text] = await Promise.all([sluicePools(), describePools()]);
      const lines = text.replaceAll(/\n\s+/g, ' ');
      const silent = lasting.filter(({ words }) => !words.test(table) || !words.test(lines)).map(({ pool }) => pool);
      if (silent.length > 0) throw new Error(`nothing of ${silent.join(', ')}`);
      return text;
    });
    // Faults that have passed by now leave an event.
    assert.match(described, /PodRestarted[\s\S]*killed-/);
  }));

test('no gateway, then no leader: named on the page of a standby and by `sluice pools`', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    await namespace.kubectl(['scale', 'deployment/sluice-gateway', '--replicas', '0']);
    await namespace.kubectl(['delete', 'pod', '--selector', gatewaySelector, '--grace-period=0', '--force']);
    const none = { pool: 'skew', reason: /^NoGateways$/, words: /there is no gateway/ };
    told(t, await namedAfter([none], new Map([['skew', performance.now()]])));
    assert.match(await sluicePools(), none.words);
    assert.match(await describePools(), none.words);

    const role = await namespace.json<{ rules: { resources: string[] }[] }>(['get', 'role', 'sluice-scaler']);
    const rules = role.rules.filter(({ resources }) => !resources.includes('leases'));
    assert.ok(rules.length < role.rules.length);
    await namespace.kubectl([
      'patch',
      'role',
      'sluice-scaler',
      '--type',
      'merge',
      '--patch',
      JSON.stringify({ rules }),
    ]);
    const startedMs = performance.now();
    await until('nobody to lead', limitMs, async () => ((await look()).report.leader === null ? true : null));
    t.diagnostic(`no leader: page ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    assert.match(await sluicePools(), /no scaler is the leader/);
  }));
