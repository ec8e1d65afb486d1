/** `sluice explain POOL`: the last scaling decisions for a pool, with their inputs and arithmetic. */
import { Command } from 'commander';
import Type from 'typebox';
import { DecisionRecord, PoolsReport } from '../contract/scaler-api.ts';
import { ask, askOptions, type AskFlags } from './ask-scaler.ts';
import { whole } from '../runtime/process/flag-values.ts';
import { standbyNote } from './pools.ts';
import type { ProgramIo } from './io.ts';

interface Flags extends AskFlags {
  readonly last: number;
}

export function explainCommand({ env, print }: ProgramIo): Command {
  const command = new Command('explain')
    .summary('show the last scaling decisions for a pool, with their inputs and arithmetic')
    .description(
      'Queries a running scaler for its last decisions for a pool: the inputs, the arithmetic and the result of each.',
    )
    .argument('<pool>', 'name of the pool')
    .option('--last <n>', 'number of decisions to show', whole(1), 5)
    .addHelpText(
      'after',
      `
Examples:
  sluice explain langid
  sluice explain langid --last 20 --json
`,
    );
  return askOptions(command, env).action(async (pool: string, { url, json, last }: Flags) => {
    const records = await ask(url, `/api/pools/${encodeURIComponent(pool)}/decisions`, Type.Array(DecisionRecord));
    const shown = records.slice(-last);
    if (json === true) return print(JSON.stringify(shown, null, 2));
    if (shown.length > 0) return print(shown.map(explained).join('\n\n'));
    const { leading, leader } = await ask(url, '/api/pools', PoolsReport);
    print(leading ? `no decisions for ${pool} yet` : standbyNote(leader));
  });
}

export function explained(record: DecisionRecord): string {
  const { atMs, untilMs, times, kind, from, to, reason, outcome, inputs, arithmetic } = record;
  const since = times === 1 ? '' : ` until ${clock(untilMs)} (${times} times)`;
  const what = kind === 'scale' ? `${from} → ${to}` : kind === 'hold' ? `hold at ${from}` : kind;
  const became = outcome === '' ? '' : `: ${outcome}`;
  const seen = Object.entries(inputs)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? short(value) : value}`);
  return [
    `${clock(atMs)}${since}  ${what}, ${reason}${became}`,
    ...arithmetic.map((line) => `  ${line}`),
    ...(seen.length === 0 ? [] : [`  inputs: ${seen.join(', ')}`]),
  ].join('\n');
}

function clock(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
