/** Contradictions that are planted into what places say, one at a time: each is found, and named by its places. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PoolReport } from '../../contract/scaler-api.ts';
import { poolsTable } from '../../cli/pools.ts';
import { contradictions, type GatewayTold, type Told } from './agreement.ts';
import { Metrics } from './metrics.ts';

const at = '2026-01-01T00:00:00Z';
const condition = (type: string, status: 'True' | 'False', reason: string) => ({
  type,
  status,
  reason,
  message: `${type} is ${status}`,
  lastTransitionTime: at,
});

const pod = (uid: string, state: PoolReport['pods'][number]['state'] = 'serving') => ({
  uid,
  name: uid,
  state,
  inFlight: 0,
  reason: null,
});

const busy: PoolReport = {
  name: 'busy',
  models: ['a', 'b'],
  modelReports: [],
  unbatched: {},
  unserved: {},
  mode: 'Active',
  minReplicas: 1,
  maxReplicas: 4,
  replicas: 2,
  readyReplicas: 2,
  desiredReplicas: 2,
  drainingReplicas: 0,
  arrivalsPerS: 1,
  forecastPerS: 1,
  queued: 0,
  oldestMs: 0,
  inFlight: 0,
  predictedWaitMs: null,
  objectiveMs: null,
  p50Ms: null,
  p99Ms: null,
  coldStartMs: null,
  why: 'enough',
  conditions: [condition('Ready', 'True', 'PodsServe'), condition('ModelsServed', 'True', 'AllServed')],
  pods: [pod('p-1'), pod('p-2')],
  troubles: [],
};
/** At rest: no pod, and none is needed. */
const rare: PoolReport = {
  ...busy,
  name: 'rare',
  models: ['c'],
  minReplicas: 0,
  replicas: 0,
  readyReplicas: 0,
  desiredReplicas: 0,
  conditions: [condition('Ready', 'True', 'ScaledToZero'), condition('ModelsServed', 'True', 'AllServed')],
  pods: [],
};

const gatewayMetrics = new Metrics(
  'sluice_pods{pool="busy",state="serving"} 2\nsluice_pods{pool="rare",state="serving"} 0',
);
const gateway: GatewayTold = {
  name: 'g-1',
  error: null,
  ready: ['a', 'b', 'c'],
  listed: ['a', 'b', 'c'],
  metrics: gatewayMetrics,
};

const scalerMetrics = (ready = 2, desired = 2, served = 'True'): Metrics =>
  new Metrics(
    [
      `sluice_scaler_ready_replicas{pool="busy"} ${ready}`,
      `sluice_scaler_desired_replicas{pool="busy"} ${desired}`,
      ...['busy', 'rare'].map((pool) => `sluice_scaler_condition{pool="${pool}",type="Ready",status="True"} 1`),
      ...['busy', 'rare'].map(
        (pool) =>
          `sluice_scaler_condition{pool="${pool}",type="ModelsServed",status="${pool === 'busy' ? served : 'True'}"} 1`,
      ),
    ].join('\n'),
  );

function told(change: Partial<Told> = {}, pools: readonly PoolReport[] = [busy, rare]): Told {
  const gateways = [{ name: 'g-1', reporting: true, ageMs: 100, terminating: false }];
  const report = { atMs: Date.parse(at) + 1_000, leading: true, leader: 'local', gateways, pools: [...pools] };
  const page = [
    { pool: 'busy', level: 'calm', pods: '2 / 2' },
    { pool: 'rare', level: 'calm', pods: '0 / 0' },
  ];
  return { gateways: [gateway], report, table: poolsTable(report), metrics: scalerMetrics(), page, ...change };
}

const planted: Readonly<Record<string, readonly [change: Told, words: RegExp, allowedMs?: number]>> = {
  'a model that one gateway lists and does not answer': [
    told({ gateways: [{ ...gateway, ready: ['a', 'c'] }] }),
    /models that g-1 answers: .*only \/v1\/models: b/,
    2_000,
  ],
  'a gateway that knows no pod for a model, though the report has it served': [
    told({ gateways: [{ ...gateway, ready: ['a', 'c'], listed: ['a', 'c'] }] }),
    /models that are answered: report and g-1 .* only report: b/,
    6_000,
  ],
  'the second of two gateways alone': [
    told({
      gateways: [gateway, { ...gateway, name: 'g-2', ready: ['a', 'b', 'c', 'd'] }],
      report: { ...told().report, gateways: ['g-1', 'g-2'].map((name) => ({ ...told().report.gateways[0]!, name })) },
    }),
    /only g-2 \/v2\/models\/M\/ready: d/,
  ],
  'a gateway that calls a pool down which is ready': [
    told({ gateways: [{ ...gateway, error: "no pod serves pool 'busy'" }] }),
    /pools that nobody answers for: .*only g-1 \/v2\/health\/ready: busy/,
  ],
  'a pool that is ready without a pod': [
    told({}, [{ ...busy, readyReplicas: 0, pods: [pod('p-1', 'ejected'), pod('p-2', 'ejected')] }, rare]),
    /readiness: condition Ready and numbers of pods differ; only condition Ready: busy/,
  ],
  'a count of pods that their states do not come to': [
    told({}, [{ ...busy, pods: [pod('p-1'), pod('p-2', 'ejected')] }, rare]),
    /pods that serve: report and states of pods differ; only report: busy: 2; only states of pods: busy: 1/,
    0,
  ],
  'metrics with other numbers than the report': [
    told({ metrics: scalerMetrics(1, 3) }),
    /pods that serve: report and scaler metrics differ/,
    3_000,
  ],
  'a gateway with fewer pods than the report': [
    told({ gateways: [{ ...gateway, metrics: new Metrics('sluice_pods{pool="busy",state="serving"} 1') }] }),
    /only g-1 metrics: busy: 1/,
  ],
  'a condition of another status in metrics': [
    told({ metrics: scalerMetrics(2, 2, 'False') }),
    /conditions: .*only report: busy ModelsServed True; only scaler metrics: busy ModelsServed False/,
  ],
  'a trouble that no condition has': [
    told({}, [
      {
        ...busy,
        troubles: [{ condition: 'Ready', level: 'bad', reason: 'NoPodServes', message: '', sinceMs: 0, runbook: null }],
      },
      rare,
    ]),
    /troubles: report and conditions differ; only report: busy NoPodServes/,
  ],
  'a trouble that sluice pools leaves out': [
    told({ table: poolsTable(told().report) }, [
      {
        ...busy,
        unserved: { b: 'broken' },
        conditions: [busy.conditions[0]!, condition('ModelsServed', 'False', 'NotServed')],
        troubles: [
          { condition: 'ModelsServed', level: 'bad', reason: 'NotServed', message: '', sinceMs: 0, runbook: null },
        ],
      },
      rare,
    ]),
    /troubles: report and sluice pools differ; only report: busy NotServed/,
    0,
  ],
  'more pods than the pool has by its number': [
    told({}, [{ ...busy, pods: [...busy.pods, pod('p-3', 'pending')] }, rare]),
    /size of pools: .*only report: busy: 2; only pods: busy: 3/,
    6_000,
  ],
  'a gateway that runs and is not reported': [
    told({ gateways: [gateway, { ...gateway, name: 'g-2' }] }),
    /gateways that report: .*only those that run: g-2/,
  ],
  'a page with other numbers': [
    told({ page: [{ pool: 'busy', level: 'calm', pods: '1 / 2' }] }),
    /as the page has them: page and report differ; only page: busy: 1 \/ 2; only report: busy: 2 \/ 2/,
    5_000,
  ],
  'a page that warns of a pool without trouble': [
    told({ page: [{ pool: 'busy', level: 'warn', pods: '2 / 2' }] }),
    /pools without a remark: page and report differ; only report: busy/,
  ],
};

describe('contradictions', () => {
  test('none between places that agree, with a page or without, a pool at rest included', () => {
    assert.deepEqual(contradictions(told()), []);
    const { page, ...without } = told();
    assert.equal(page?.length, 2);
    assert.deepEqual(contradictions(without), []);
  });

  for (const [what, [change, words, allowedMs]] of Object.entries(planted)) {
    test(what, () => {
      const found = contradictions(change);
      const one = found.find((each) => words.test(each.words));
      assert.ok(one !== undefined, JSON.stringify(found, null, 1));
      if (allowedMs !== undefined) assert.equal(one.allowedMs, allowedMs);
    });
  }

  test('a contradiction keeps its key while its numbers change', () => {
    const keyOf = (ready: number) => contradictions(told({ metrics: scalerMetrics(ready) }))[0]!.key;
    assert.equal(keyOf(1), keyOf(0));
  });
});
