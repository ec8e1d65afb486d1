/**
 * `npm run bench:strangers`: what attacks cost a good client. Each attack goes in turns at the gateway and at a server that discards
 * what it reads, while the good client asks the gateway: attackers burn the same cores either way.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, spreadOfRatios } from '../../bench/lab/rig/alternate.ts';
import {
  markdownTable,
  medianText,
  missed,
  rangeText,
  renderLines,
  renderRun,
} from '../../bench/lab/scenarios/render.ts';
import type { ResultLine } from '../../bench/lab/scenarios/scenario.ts';
import { describeMachine } from '../../bench/load-test/machine.ts';
import { attacks } from '../support/attacker.ts';
import { everyTarget, startAttackedSystem } from '../support/attacked-system.ts';
import { Client } from '../support/requests.ts';
import { measureGood } from './good-client.ts';

const help = `Usage: npm run bench:strangers -- [options]

Measures the 99th percentile of a good client (50 requests/s) beside each attack on the gateway, and beside the same bytes
sent to a server that discards them. With the defaults it takes about a quarter of an hour and writes
bench/results/strangers.md and the table in docs/security.md.

  --turns <n>      default 7
  --seconds <n>    of each attack, default 3.5
  --only <words>   attacks whose names contain these
  --no-write       writes nothing; so does --only
  --help
`;

const { values: flags } = parseArgs({
  options: {
    turns: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3.5' },
    only: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(help);
  process.exit();
}
const turns = positive('turns', flags.turns);
const attackMs = positive('seconds', flags.seconds) * 1000;
const perSecond = 50;
/** Greatest ratio that is promised. */
const goal = 2;

function positive(name: string, text: string): number {
  if (Number(text) > 0) return Number(text);
  console.error(`--${name}: must be a number above 0, was: ${text}`);
  process.exit(2);
}

// The one that needs a gateway with few descriptors: it is refused at the door.
const names = Object.keys(attacks).filter(
  (name) => name !== 'more connections than descriptors' && name.includes(flags.only ?? ''),
);
if (names.length === 0) {
  console.error(`--only: there is no attack of '${flags.only}', only: ${Object.keys(attacks).join('; ')}`);
  process.exit(2);
}

const beganMs = performance.now();
const attacked = await startAttackedSystem(everyTarget());
const { system } = attacked;
const discarding = fork(fileURLToPath(new URL('discarding-server.ts', import.meta.url)));
const client = new Client(system.origin, { limitMs: 60_000 });
const failures: string[] = [];
try {
  const [port] = (await once(discarding, 'message')) as [number];
  const targets = { gateway: system.origin, discarding: `http://127.0.0.1:${port}` };
  await measureGood(client, 3_000, perSecond);
  const lines: ResultLine[] = [];
  for (const name of names) {
    const p99 = await alternate(
      { gateway: () => p99Beside(name, targets.gateway), discarding: () => p99Beside(name, targets.discarding) },
      turns,
    );
    const line: ResultLine = {
      what: name,
      value: spreadOfRatios(p99.gateway, p99.discarding),
      unit: '',
      goal: { kind: 'at most', value: goal },
      beside: `${medianText(p99.gateway)} ms ÷ ${medianText(p99.discarding)} ms`,
    };
    lines.push(line);
    console.error(`${seconds()} s: ${name}: ${rangeText(line.value)}, ${line.beside}`);
  }
  console.log(`${renderLines(lines)}\n`);
  if (!flags['no-write'] && flags.only === undefined) write(lines);
  for (const failure of failures.slice(0, 20)) console.log(`FAILED: ${failure}`);
  console.log(`${seconds()} s; goals not reached: ${missed(lines).length}; failed good requests: ${failures.length}`);
  if (failures.length > 0) process.exitCode = 1;
} finally {
  discarding.kill();
  await client.close();
  await attacked.stop();
}

async function p99Beside(name: string, origin: string): Promise<number> {
  const attacker = fork(fileURLToPath(new URL('../support/attacker.ts', import.meta.url)), [name, origin]);
  try {
    await once(attacker, 'message');
    const good = await measureGood(client, attackMs, perSecond);
    failures.push(...good.failures.map((text) => `${name}: ${text}`));
    return good.p99Ms;
  } finally {
    await ended(attacker);
    // Connections of the attacker are closed, and what they held is let go.
    await delay(500);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function seconds(): string {
  return ((performance.now() - beganMs) / 1000).toFixed(0);
}

function write(lines: readonly ResultLine[]): void {
  const command = `npm run bench:strangers${turns === 7 ? '' : ` -- --turns ${turns}`}`;
  const how =
    `99th percentile of a good client that sends ${perSecond} requests/s to the gateway, while another process attacks the gateway for ` +
    `${attackMs / 1000} s, ÷ the same while the attacker sends the same to a server that discards what it reads. Attackers burn the same ` +
    'cores either way; one that waits for answers, or is cut off by the gateway, sends more to one than to the other.';
  const text = renderRun({
    scenario: { name: 'strangers', title: 'A good client beside attackers', how },
    result: { lines, repeats: `${turns} turns of each attack.` },
    command,
    machine: describeMachine().trim(),
    tookS: Number(seconds()),
  });
  writeFileSync(new URL('../../bench/results/strangers.md', import.meta.url), text);
  const page = new URL('../../docs/security.md', import.meta.url);
  const table = markdownTable(
    ['attack', 'p99 ÷ p99', 'range', 'milliseconds'],
    lines.map(({ what, value, beside }) => [
      what,
      value.median.toFixed(2),
      `${value.low.toFixed(2)}–${value.high.toFixed(2)}`,
      beside.replaceAll(' ms', ''),
    ]),
  );
  const before = readFileSync(page, 'utf8');
  const parts = /(<!-- written by npm run bench:strangers -->)[^]*?(<!-- end -->)/;
  if (!parts.test(before)) throw new Error('docs/security.md has no place for the table');
  writeFileSync(
    page,
    before.replace(parts, (_all, start: string, end: string) => `${start}\n\n${table}\n\n${end}`),
  );
}
