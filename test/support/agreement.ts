/**
 * Places where a system speaks of itself, and what any two of them say differently. Pure: `told.ts` reads the places, and tests plant
 * contradictions here.
 */
import type { PoolReport, PoolsReport } from '../../contract/scaler-api.ts';
import { doesServe } from '../../scaler/report/pod-reports.ts';
import { troublesOf } from '../../scaler/report/troubles.ts';
import type { Metrics } from './metrics.ts';

export interface GatewayTold {
  readonly name: string;
  /** Error of `/v2/health/ready`; null where it is ready. */
  readonly error: string | null;
  /** Models whose `/v2/models/M/ready` is 200. */
  readonly ready: readonly string[];
  /** Models of `GET /v1/models`. */
  readonly listed: readonly string[];
  readonly metrics: Metrics;
}

export interface PageRow {
  readonly pool: string;
  readonly level: string;
  /** Numbers of pods as shown: `2 / 2`. */
  readonly pods: string;
}

export interface Told {
  readonly gateways: readonly GatewayTold[];
  readonly report: PoolsReport;
  /** Output of `sluice pools`. */
  readonly table: string;
  /** Metrics of the scaler. */
  readonly metrics: Metrics;
  /** Rows of the page that are in sight; absent where no browser looks. */
  readonly page?: readonly PageRow[];
}

/** Everything that one place says about one question. */
export interface Statement {
  readonly about: string;
  readonly place: string;
  readonly says: readonly string[];
  /** Time by which the place may be behind or ahead of the report, in ms. */
  readonly lagMs: number;
}

export interface Contradiction {
  /** Same for the same contradiction a second later. */
  readonly key: string;
  readonly allowedMs: number;
  readonly words: string;
}

/** A gateway reports each second, the scaler takes a report of up to 4 s for fresh and decides each second. */
const gatewayLagMs = 6_000;
/** Metrics and report are read one after the other, and a cycle may lie between them. */
const metricsLagMs = 3_000;
/** The page draws what the stream brings each second. */
const pageLagMs = 5_000;
/** Readiness and lists of one gateway are of one moment, but for the time between two requests. */
const sameGatewayLagMs = 2_000;
/** Started and ended pods appear in the report's two numbers with one cycle between them. */
const cycleLagMs = 6_000;

const names = (pools: readonly PoolReport[], such: (pool: PoolReport) => boolean): string[] =>
  pools.filter(such).map(({ name }) => name);

/** Whether a pool has no pod since it needs none. */
function rests({ minReplicas, replicas, pods }: PoolReport): boolean {
  return minReplicas === 0 && replicas === 0 && pods.length === 0;
}

/** Whether a pool may go to zero, and is there or on its way: its last pods drain. */
function needsNone({ minReplicas, replicas, pods }: PoolReport): boolean {
  return minReplicas === 0 && pods.filter(({ state }) => state === 'draining').length >= replicas;
}

const conditionOf = ({ conditions }: PoolReport, type: string): string | undefined =>
  conditions.find((condition) => condition.type === type)?.status;

export function statements(told: Told): Statement[] {
  const { gateways, report, metrics, page } = told;
  const { pools } = report;
  const found: Statement[] = [];
  const say = (about: string, place: string, lagMs: number, says: readonly string[]): void => {
    found.push({ about, place, lagMs, says: [...new Set(says)].toSorted() });
  };
  const needed = (name: string): boolean => pools.some((pool) => pool.name === name && pool.minReplicas > 0);

  const answered = 'models that are answered';
  say(answered, 'report', 0, pools.flatMap(answeredModels));
  const down = 'pools that nobody answers for';
  const isDown = (pool: PoolReport): boolean => needed(pool.name) && conditionOf(pool, 'Ready') === 'False';
  say(down, 'condition Ready', 0, names(pools, isDown));
  say(
    down,
    'report',
    0,
    names(pools, ({ name, readyReplicas }) => needed(name) && readyReplicas === 0),
  );
  const serving = 'pods that serve';
  say(
    serving,
    'report',
    0,
    counts(pools, ({ readyReplicas }) => readyReplicas),
  );
  say(
    serving,
    'states of pods',
    0,
    counts(pools, ({ pods }) => pods.filter(({ state }) => doesServe(state)).length),
  );
  say(serving, 'scaler metrics', metricsLagMs, measured(pools, metrics, 'sluice_scaler_ready_replicas'));
  for (const { name, error, ready, listed, metrics: own } of gateways) {
    say(answered, `${name} /v2/models/M/ready`, gatewayLagMs, ready);
    say(answered, `${name} /v1/models`, gatewayLagMs, listed);
    say(`models that ${name} answers`, '/v2/models/M/ready', sameGatewayLagMs, ready);
    say(`models that ${name} answers`, '/v1/models', sameGatewayLagMs, listed);
    say(down, `${name} /v2/health/ready`, gatewayLagMs, error === null ? [] : quoted(error));
    const sends = (pool: PoolReport): number =>
      sumOf(own, 'sluice_pods', { pool: pool.name, state: 'serving' }) +
      sumOf(own, 'sluice_pods', { pool: pool.name, state: 'probing' });
    say(serving, `${name} metrics`, gatewayLagMs, counts(pools, sends));
  }

  const conditions = pools.flatMap(({ name, conditions: all }) =>
    all.map(({ type, status }) => `${name} ${type} ${status}`),
  );
  say('conditions', 'report', 0, conditions);
  say(
    'conditions',
    'scaler metrics',
    metricsLagMs,
    pools.flatMap((pool) => conditionsIn(metrics, pool)),
  );

  const reasons = 'troubles';
  say(
    reasons,
    'report',
    0,
    pools.flatMap(({ name, troubles = [] }) => troubles.map(({ reason }) => `${name} ${reason}`)),
  );
  const ofConditions = (pool: PoolReport): string[] =>
    troublesOf(pool.conditions, report.atMs).map(({ reason }) => `${pool.name} ${reason}`);
  say(reasons, 'conditions', metricsLagMs, pools.flatMap(ofConditions));
  say(reasons, 'sluice pools', 0, troublesInTable(told.table));

  const wanted = 'pods that are wanted';
  say(
    wanted,
    'report',
    0,
    counts(pools, ({ desiredReplicas }) => desiredReplicas),
  );
  say(wanted, 'scaler metrics', metricsLagMs, measured(pools, metrics, 'sluice_scaler_desired_replicas'));
  const size = 'size of pools';
  say(
    size,
    'report',
    0,
    counts(pools, ({ replicas }) => replicas),
  );
  const staying = ({ pods }: PoolReport): number => pods.filter(({ state }) => state !== 'terminating').length;
  // A rollout has one pod more for as long as it takes, and another container orchestrator's servers are none of the scaler's.
  const settled = pools.filter((pool) => conditionOf(pool, 'Reconciling') !== 'True');
  const unsettled = pools.filter((pool) => !settled.includes(pool));
  say(size, 'pods', cycleLagMs, [...counts(settled, staying), ...counts(unsettled, ({ replicas }) => replicas)]);
  say(
    'readiness',
    'condition Ready',
    0,
    names(pools, (pool) => conditionOf(pool, 'Ready') === 'True'),
  );
  say(
    'readiness',
    'numbers of pods',
    metricsLagMs,
    names(pools, (pool) => pool.readyReplicas > 0 || needsNone(pool)),
  );
  say(
    'gateways that report',
    'report',
    0,
    report.gateways.filter(({ reporting }) => reporting).map(({ name }) => name),
  );
  const all = gateways.map(({ name }) => name);
  if (all.length > 0) say('gateways that report', 'those that run', gatewayLagMs, all);

  if (page !== undefined) {
    const seen = pools.filter(({ name }) => page.some((row) => row.pool === name));
    say(
      'pods, as the page has them',
      'page',
      pageLagMs,
      page.map(({ pool, pods }) => `${pool}: ${pods}`),
    );
    const shown = ({ name, readyReplicas, desiredReplicas }: PoolReport): string =>
      `${name}: ${readyReplicas} / ${desiredReplicas}`;
    say('pods, as the page has them', 'report', 0, seen.map(shown));
    say(
      'pools without a remark',
      'page',
      pageLagMs,
      page.filter(({ level }) => level === 'calm').map(({ pool }) => pool),
    );
    say(
      'pools without a remark',
      'report',
      0,
      names(seen, (pool) => !hasRemark(pool)),
    );
  }
  return found;
}

/** @returns what any place says otherwise than the first of its kind does */
export function contradictions(told: Told): Contradiction[] {
  return [...Map.groupBy(statements(told), ({ about }) => about)].flatMap(([about, [first, ...others]]) =>
    others.flatMap((other) => {
      const only = (one: Statement, not: Statement): string[] => one.says.filter((item) => !not.says.includes(item));
      const [less, more] = [only(first!, other), only(other, first!)];
      if (less.length === 0 && more.length === 0) return [];
      const sides = [
        ...(less.length === 0 ? [] : [`only ${first!.place}: ${less.join(', ')}`]),
        ...(more.length === 0 ? [] : [`only ${other.place}: ${more.join(', ')}`]),
      ];
      return [
        {
          key: `${about} | ${first!.place} | ${other.place}`,
          allowedMs: Math.max(first!.lagMs, other.lagMs),
          words: `${about}: ${first!.place} and ${other.place} differ; ${sides.join('; ')}`,
        },
      ];
    }),
  );
}

function answeredModels(pool: PoolReport): string[] {
  return pool.models.filter((model) => pool.unserved[model] === undefined && (pool.readyReplicas > 0 || rests(pool)));
}

const counts = (pools: readonly PoolReport[], of: (pool: PoolReport) => number): string[] =>
  pools.map((pool) => `${pool.name}: ${of(pool)}`);

const measured = (pools: readonly PoolReport[], metrics: Metrics, name: string): string[] =>
  counts(pools, (pool) => sumOf(metrics, name, { pool: pool.name }));

/** Value of a gauge that has no sample where nothing is to be counted. */
function sumOf(metrics: Metrics, name: string, labels: Readonly<Record<string, string>>): number {
  return metrics.has(name, labels) ? metrics.value(name, labels) : 0;
}

function conditionsIn(metrics: Metrics, { name: pool, conditions }: PoolReport): string[] {
  return conditions.flatMap(({ type }) =>
    ['True', 'False', 'Unknown'].flatMap((status) =>
      sumOf(metrics, 'sluice_scaler_condition', { pool, type, status }) === 1 ? [`${pool} ${type} ${status}`] : [],
    ),
  );
}

/** Lines such as `m  bad   PodsFailing for 40 s: 1 of 3 pods not running`. */
function troublesInTable(table: string): string[] {
  return [...table.matchAll(/^(\S+) +(?:bad|warn) +(\w+) for \d+ (?:s|min|h): /gm)].map(
    ([, pool, reason]) => `${pool!} ${reason!}`,
  );
}

/** Whether the page has something to remark on: a trouble, or a number that it shows in red. */
function hasRemark({ troubles = [], pods, answers, objectiveMs, p99Ms, predictedWaitMs }: PoolReport) {
  const isOver = (ms: number | null): boolean => ms !== null && objectiveMs !== null && ms > objectiveMs;
  const lost =
    answers === null || answers === undefined ? 0 : answers.shedPerS + answers.timeoutsPerS + answers.failedPerS;
  const isOut = pods.some(({ state }) => ['ejected', 'crash-looping', 'foreign-drain'].includes(state));
  return troubles.length > 0 || isOut || isOver(p99Ms) || isOver(predictedWaitMs) || lost > 0;
}

const quoted = (text: string): string[] => [...text.matchAll(/'([^']+)'/g)].map(([, name]) => name!);
