/** `sluice pools`: one line per pool, from a running scaler. */
import { Command } from 'commander';
import { PoolsReport, type PoolReport } from '../contract/scaler-api.ts';
import { ask, askOptions, type AskFlags } from './ask-scaler.ts';
import type { ProgramIo } from './io.ts';

export function poolsCommand({ env, print }: ProgramIo): Command {
  const command = new Command('pools')
    .summary('show the pods, queue and state of each pool')
    .description(
      'Queries a running scaler for the pods, the queue, the predicted wait, the objective and the last decision of each pool.',
    )
    .addHelpText(
      'after',
      `
Examples:
  sluice pools
  sluice pools --url http://127.0.0.1:9082
  kubectl port-forward deployment/sluice-scaler 8082 &  sluice pools
`,
    );
  return askOptions(command, env).action(async ({ url, json }: AskFlags) => {
    const report = await ask(url, '/api/pools', PoolsReport);
    print(json === true ? JSON.stringify(report, null, 2) : poolsTable(report));
  });
}

const headings = ['pool', 'ready', 'desired', 'queue', 'wait', 'objective', 'why'] as const;

export function poolsTable(report: PoolsReport): string {
  const rows = report.pools.map((pool) => [
    pool.name,
    `${pool.readyReplicas}/${pool.replicas}`,
    String(pool.desiredReplicas),
    String(pool.queued),
    duration(pool.predictedWaitMs),
    duration(pool.objectiveMs),
    whyOf(pool),
  ]);
  if (rows.length === 0) return ['no pools', ...notes(report)].join('\n');
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        if (column === cells.length - 1) return cell;
        return column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!);
      })
      .join('  ');
  return [line(headings), ...rows.map(line), ...troubleLines(report), ...notes(report)].join('\n');
}

/** Explains the state of a pool: the last reason, and what is under way. */
function whyOf({ why, drainingReplicas, mode }: PoolReport): string {
  return [
    ...(mode === 'DryRun' ? ['dry run'] : []),
    why,
    ...(drainingReplicas > 0 ? [`${drainingReplicas} draining`] : []),
  ].join('; ');
}

/** Troubles of all pools, one a line, those that need somebody first: `m  bad   PodsFailing for 40 s: 1 of 3 pods not running: …`. */
function troubleLines({ atMs, pools }: PoolsReport): string[] {
  const found = pools.flatMap(({ name, troubles = [] }) => troubles.map((trouble) => ({ name, ...trouble })));
  if (found.length === 0) return [];
  const width = Math.max(...found.map(({ name }) => name.length));
  const lines = found
    .toSorted((one, other) => Number(other.level === 'bad') - Number(one.level === 'bad'))
    .map(({ name, level, reason, message, sinceMs }) => {
      const since = age(Math.max(0, atMs - sinceMs));
      return `${name.padEnd(width)}  ${level.padEnd(4)}  ${reason} for ${since}: ${message}`;
    });
  return ['', ...lines];
}

function notes({ leading, leader, gateways, pools }: PoolsReport): string[] {
  const silent = gateways.filter(({ reporting, terminating }) => !reporting && !terminating).map(({ name }) => name);
  return [
    ...(leading || pools.length === 0 ? [] : ['', standbyNote(leader)]),
    ...(silent.length === 0 ? [] : ['', `no report from ${silent.join(', ')}`]),
  ];
}

export function standbyNote(leader: string | null): string {
  return leader === null
    ? 'no scaler is the leader'
    : `this scaler is on standby; ${leader} leads and makes the decisions`;
}

function duration(ms: number | null): string {
  if (ms === null) return '-';
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function age(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
