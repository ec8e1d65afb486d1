/** `sluice status`: gateways, pools and pods of a running scaler on one screen, once or kept up to date. */
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { PoolsReport, type PodReport } from '../contract/scaler-api.ts';
import { positive } from '../runtime/process/flag-values.ts';
import { ask, AskError, askOptions, type AskFlags } from './ask-scaler.ts';
import type { ProgramIo } from './io.ts';
import { poolsTable } from './pools.ts';
import { renderTable } from './table.ts';

interface Flags extends AskFlags {
  readonly watch?: true;
  readonly intervalS: number;
}

/** Control codes: to the upper left, and clear what lies below. */
const redraw = '\u001b[H\u001b[J';
const clear = '\u001b[2J';

export function statusCommand({ env, print }: ProgramIo): Command {
  const command = new Command('status')
    .summary('show gateways, pools and pods, with --watch kept up to date')
    .description('Queries a running scaler for its gateways, pools and pods.')
    .option('--watch', 'show it again every --interval-s, until Ctrl-C; with --json one object a line')
    .option('--interval-s <s>', 'seconds between two looks of --watch', positive, 2)
    .addHelpText(
      'after',
      `
Exit code: 0; 1 if no scaler answers, which --watch waits for.

Examples:
  sluice status
  sluice status --watch
  sluice status --watch --json | jq .pools[0].queued
`,
    );
  return askOptions(command, env).action(async ({ url, json, watch, intervalS }: Flags) => {
    if (watch !== true) {
      const report = await ask(url, '/api/pools', PoolsReport);
      return print(json === true ? JSON.stringify(report, null, 2) : statusText(report));
    }
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
    const onScreen = json !== true && process.stdout.isTTY;
    if (onScreen) print(clear);
    while (!stop.signal.aborted) {
      const text = await ask(url, '/api/pools', PoolsReport).then(
        (report) => (json === true ? JSON.stringify(report) : statusText(report)),
        (error: unknown) => {
          if (!(error instanceof AskError)) throw error;
          return json === true ? null : error.message;
        },
      );
      if (text !== null) print(onScreen ? redraw + text : text);
      await delay(intervalS * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  });
}

export function statusText(report: PoolsReport): string {
  const { gateways, pools, atMs } = report;
  const silent = gateways.filter(({ reporting }) => !reporting).length;
  const head = `${gateways.length} gateway${gateways.length === 1 ? '' : 's'}${silent === 0 ? '' : `, ${silent} silent`}`;
  const rows = pools.flatMap(({ name, pods }) => pods.map((pod) => podRow(name, pod)));
  return [
    `${new Date(atMs).toISOString().slice(11, 19)}Z  ${head}`,
    '',
    poolsTable(report),
    ...(rows.length === 0 ? [] : ['', renderTable(['pod', 'pool', 'state', 'in flight', 'restarts', 'reason'], rows)]),
  ].join('\n');
}

function podRow(pool: string, { name, state, inFlight, restarts, reason, failure }: PodReport): string[] {
  return [name, pool, state, String(inFlight), String(restarts ?? 0), failure?.message ?? reason ?? ''];
}
