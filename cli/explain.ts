/** `sluice explain POOL`: the last decisions on a pool, each with its inputs and how they make its number. */
import { Command } from 'commander';
import Type from 'typebox';
import { DecisionRecord, PoolsReport } from '../contract/scaler-api.ts';
import { ask, askOptions, type AskFlags } from './ask-scaler.ts';
import { whole } from '../runtime/process/flag-values.ts';
import { standsBy } from './pools.ts';
import type { ProgramIo } from './program.ts';

interface Flags extends AskFlags {
  readonly last: number;
}

export function explainCommand({ env, print }: ProgramIo): Command {
  const command = new Command('explain')
    .summary('why a pool has the pods that it has: its last decisions, with their arithmetic')
    .description(
      'Asks a running scaler for its last decisions on a pool: what it saw, what it made of it, and what became of it.',
    )
    .argument('<pool>', 'name of the pool')
    .option('--last <n>', 'how many decisions', whole(1), 5)
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
    print(leading ? `nothing was decided on ${pool} yet` : standsBy(leader));
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
