/**
 * Faults that leave every process alive, each on virtual time: within 15 s it is named in the report (the page's data), in what
 * `sluice pools` prints and in the status that `kubectl describe` shows, and within two minutes an alert fires, as promtool judges the
 * shipped rules over the metrics that gateways and scaler had meanwhile.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { poolsTable } from '../../cli/pools.ts';
import { alerts } from '../../deploy/monitoring/alerts.ts';
import type { MemoryPod } from '../../scaler/testing/memory-cluster.ts';
import { World, type WorldOptions } from '../../scaler/testing/world.ts';
import { promtool, skipWithout } from '../support/prometheus.ts';

const rules = fileURLToPath(new URL('../../deploy/components/monitoring/sluice.rules.yaml', import.meta.url));

interface Fault {
  readonly name: string;
  readonly options?: WorldOptions;
  /** Called once, when the fault begins. */
  readonly begin?: (world: World) => void;
  /** Called each second from then on. */
  readonly goOn?: (world: World) => void;
  /** Reason of the trouble, and words that it contains. */
  readonly reason: string;
  readonly words: string;
  readonly alert: string;
}

/** Time in which it is named, and in which an alert fires. */
const namedWithinS = 15;
const alertedWithinS = 120;
const sampleS = 15;
const healthyS = 60;
const perS = 20;

const podsOf = ({ cluster }: World): MemoryPod[] =>
  [...cluster.pods.values()].filter((pod) => pod.phase !== 'Terminating');
const failing = (reason: string, message: string) => (world: World) => {
  for (const pod of podsOf(world).slice(0, 1)) {
    Object.assign(pod, { phase: 'Pending', failure: { reason, message, sinceMs: world.clock.wallMs() } });
  }
};
const answersBecome = (outcome: World['gateways'][number]['outcome']) => (world: World) => {
  for (const gateway of world.gateways) gateway.outcome = outcome;
};

const faults: readonly Fault[] = [
  {
    name: 'a dead endpoint',
    options: { spec: { endpoints: ['http://x:1', 'http://y:1', 'http://z:1'] }, replicas: 3 },
    begin: (world) => world.gateways[0]!.viewOverrides.set('p-1', { state: 'ejected', reason: 'connection refused' }),
    reason: 'EndpointDown',
    words: 'p-1: connection refused',
    alert: 'SluiceEndpointDown',
  },
  {
    name: 'a model that can not load, among good ones',
    begin: (world) => {
      world.gateways[0]!.distort = (report) => ({
        ...report,
        pools: report.pools.map((pool) => ({
          ...pool,
          models: [...pool.models, { ...pool.models[0]!, name: 'broken', unservedReason: 'p-1: not an ONNX model' }],
        })),
      });
    },
    reason: 'NotServed',
    words: 'broken: p-1: not an ONNX model',
    alert: 'SluiceModelNotServed',
  },
  {
    name: 'a pod that hangs',
    begin: (world) => {
      world.gateways[0]!.viewOverrides.set('p-1', { state: 'ejected', reason: 'hung' });
      world.probes.set('p-1', { kind: 'failed', refused: false, detail: 'no answer' });
    },
    reason: 'OutOfRotation',
    words: 'p-1: hung',
    alert: 'SluicePodReplaced',
  },
  {
    name: 'kill -9',
    begin: (world) => {
      const [pod] = podsOf(world);
      const failure = { reason: 'Restarting', message: 'killed by SIGKILL', sinceMs: world.clock.wallMs() };
      const createdAtMs = world.clock.wallMs();
      Object.assign(pod!, { phase: 'Running', createdAtMs, restarts: 1, lastExit: 'killed by SIGKILL', failure });
    },
    goOn: (world) => {
      for (const pod of podsOf(world)) if (pod.phase === 'Ready') Object.assign(pod, { failure: null });
    },
    reason: 'PodsFailing',
    words: 'p-1: Restarting: killed by SIGKILL',
    alert: 'SluicePodRestarted',
  },
  {
    name: 'an image that can not be pulled',
    goOn: failing('ImagePullBackOff', 'manifest for sluice:9 not found'),
    reason: 'PodsFailing',
    words: 'ImagePullBackOff: manifest for sluice:9 not found',
    alert: 'SluicePodsFailing',
  },
  {
    name: 'a crash loop',
    goOn: failing('CrashLoopBackOff', 'exit code 1 (no model can be served)'),
    reason: 'PodsFailing',
    words: 'CrashLoopBackOff: exit code 1 (no model can be served)',
    alert: 'SluicePodsFailing',
  },
  {
    name: 'every answer is 4xx',
    begin: answersBecome('clientErrors'),
    reason: 'Rejecting',
    words: '% are rejected as faulty (4xx)',
    alert: 'SluiceRequestsRejected',
  },
  {
    name: 'every answer is 504',
    begin: answersBecome('timeouts'),
    reason: 'TimingOut',
    words: '% timed out',
    alert: 'SluiceErrorRate',
  },
  {
    name: 'every request is shed',
    begin: answersBecome('shed'),
    reason: 'Shedding',
    words: '% shed',
    alert: 'SluiceErrorRate',
  },
  {
    name: 'pods answer by different versions',
    begin: (world) => {
      for (const [index, pod] of podsOf(world).entries()) {
        const { uid } = Object.assign(pod, { isPeer: true as const });
        const listed = { name: 'm', version: index === 0 ? '2' : '1', ready: true, isDefault: true };
        const status = {
          uid,
          state: 'ready' as const,
          models: [{ ...listed, maxRows: 8, maxRequestRows: 8, warmup: [] }],
        };
        world.versionAnswers.set(uid, { kind: 'status', status });
      }
    },
    reason: 'PodsDiffer',
    words: 'm: not every pod has version',
    alert: 'SluiceVersionSkew',
  },
  {
    name: 'no gateway',
    begin: (world) => (world.gateways = []),
    reason: 'NoGateways',
    words: 'there is no gateway',
    alert: 'SluiceNoGateway',
  },
];

/** Series by their promtool notation, one value each 15 s. */
class Samples {
  readonly #series = new Map<string, string[]>();
  #count = 0;

  async take({ metrics, gateways }: World): Promise<void> {
    for (const { name, values } of await metrics.registry.getMetricsAsJSON()) {
      if (!name.startsWith('sluice_scaler_')) continue;
      for (const { labels, value } of values) this.#add(name, { instance: 's1', ...labels }, value);
    }
    const names = {
      ok: 'ok',
      clientErrors: 'client-error',
      shed: 'shed',
      timeouts: 'timeout',
      failed: 'failed',
    } as const;
    for (const { uid, lastReport } of gateways) {
      const pool = lastReport!.report!.pools[0]!;
      this.#add('sluice_queue_requests', { pool: 'm', model: 'm', pod: uid }, pool.queued);
      for (const [key, outcome] of Object.entries(names) as [keyof typeof names, string][]) {
        const labels = { pool: 'm', model: 'm', pod: uid, outcome };
        this.#add('sluice_request_duration_seconds_count', labels, pool.outcomes![key]);
      }
    }
    this.#count += 1;
  }

  get inputSeries(): { series: string; values: string }[] {
    return [...this.#series].map(([series, values]) => ({ series, values: values.join(' ') }));
  }

  #add(name: string, labels: object, value: number): void {
    const text = Object.entries({ namespace: 'ml', ...labels }).map(
      ([label, one]) => `${label}=${JSON.stringify(one)}`,
    );
    const series = `${name}{${text.join(',')}}`;
    const values = this.#series.get(series) ?? Array.from({ length: this.#count }, () => '_');
    values.push(String(value));
    this.#series.set(series, values);
  }
}

/** Lets the fault happen after a minute of health. @returns the samples of it all, and the seconds until it was named everywhere */
async function suffer(
  world: World,
  { begin, goOn }: Pick<Fault, 'begin' | 'goOn'>,
  isNamed: () => boolean,
): Promise<{ samples: Samples; namedAfterS: number }> {
  const samples = new Samples();
  let namedAfterS = Infinity;
  for (let second = 0; second <= healthyS + alertedWithinS; second += 1) {
    if (second === healthyS) begin?.(world);
    if (second >= healthyS) goOn?.(world);
    await world.run(1, perS);
    if (second % sampleS === 0) await samples.take(world);
    if (second >= healthyS && isNamed()) namedAfterS = Math.min(namedAfterS, second - healthyS);
  }
  return { samples, namedAfterS };
}

const promtoolTests: object[] = [];

function expectAlert(fault: string, alert: string, { inputSeries }: Samples): void {
  assert.ok(
    alerts.some(({ name }) => name === alert),
    `no alert ${alert}`,
  );
  promtoolTests.push({
    name: fault,
    interval: `${sampleS}s`,
    input_series: inputSeries,
    promql_expr_test: [
      { expr: 'group(ALERTS{alertstate="firing"})', eval_time: `${healthyS - 1}s`, exp_samples: [] },
      {
        expr: `group(ALERTS{alertname="${alert}",alertstate="firing"})`,
        eval_time: `${healthyS + alertedWithinS}s`,
        exp_samples: [{ labels: '{}', value: 1 }],
      },
    ],
  });
}

describe('a fault is named and alerted', () => {
  for (const { name, options, reason, words, alert, ...fault } of faults) {
    test(name, async () => {
      const world = new World({ replicas: 3, spec: { scaling: { minReplicas: 3, maxReplicas: 6 } }, ...options });
      const places = { report: false, table: false, status: false };
      const { samples, namedAfterS } = await suffer(world, fault, () => {
        const report = world.scaler.report();
        const troubles = report.pools[0]?.troubles ?? [];
        places.report ||= troubles.some((trouble) => trouble.reason === reason && trouble.message.includes(words));
        places.table ||= poolsTable(report).includes(words);
        places.status ||= world.cluster.status?.conditions.some(({ message }) => message.includes(words)) === true;
        return places.report && places.table && places.status;
      });
      assert.ok(
        namedAfterS <= namedWithinS,
        `${namedAfterS} s: ${JSON.stringify(places)}: ${poolsTable(world.scaler.report())}`,
      );
      expectAlert(name, alert, samples);
    });
  }

  test('no leader: a standby says so, since nobody may write the status', async () => {
    const world = new World({ replicas: 3, spec: { scaling: { minReplicas: 3 } } });
    const begin = (): void => void (world.cluster.holder = null);
    const { samples, namedAfterS } = await suffer(world, { begin }, () =>
      poolsTable(world.scaler.report()).includes('no scaler is the leader'),
    );
    assert.ok(namedAfterS <= namedWithinS);
    assert.equal(world.scaler.report().leader, null);
    expectAlert('no leader', 'SluiceNoLeader', samples);
  });

  test('each is alerted within two minutes, and nothing before it', { skip: skipWithout('promtool') }, async () => {
    assert.equal(promtoolTests.length, faults.length + 1);
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-faults-'));
    try {
      const file = path.join(folder, 'faults.yaml');
      await writeFile(file, stringify({ rule_files: [rules], evaluation_interval: '15s', tests: promtoolTests }));
      const { ok, output } = promtool('test', 'rules', file);
      assert.ok(ok, output);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
