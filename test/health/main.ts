/** `npm run health`: a healthy system under changing load, watched each second from everywhere. CONTRIBUTING.md says how to use it. */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { mebibytes } from '../fuzz/memory.ts';
import type { Finding } from './lasting.ts';
import { traffics } from './plan.ts';
import { health, type HealthReport } from './run.ts';

const help = `Usage: npm run health -- [options]

Starts two gateways, a scaler, real pods in three pools (one goes to zero and back), a Prometheus with the shipped rules, and the
page in a browser, and sends load that changes all the time and never exceeds what the pools carry: ramps, steps, spikes,
silence, versions that are added to the watched repository, rolling replacements of pods. Each second it reads readiness and
lists of models at both gateways, the scaler's report and conditions, the table of 'sluice pools', all metrics, logs, alerts,
and the page, in light and dark and at four widths. Fails for

  - anything that warns or is red, since nothing is amiss: a trouble, an ejection, a warning in a log, an alert that fires or
    is pending for 25 s, anything in the page's style of trouble;
  - two places that contradict each other for longer than the lag of the later one: 6 s for a gateway, 5 s for the page,
    3 s for metrics, nothing within one report;
  - a good request that is not answered right;
  - from 10 minutes on: memory of a gateway or the scaler that grows by more than 10% from a fifth of the run to its end, after
    garbage collection.

Without prometheus or chromium it says so and goes on. Looks more than 4 s apart, on a starved machine, prove no lag; they are
counted.

  --minutes <n>     default 5
  --seed <n>        default 1; the course of the load is the same for the same seed
  --picture <file>  writes the page as it is at a finding, as PNG
  --help
`;

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    picture: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function numberOf(name: 'minutes' | 'seed'): number {
  const value = Number(flags[name]);
  if (name === 'minutes' ? value > 0 && value <= 1_440 : Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name}: must be a number above 0, was: ${flags[name]}`);
  process.exit(2);
}

if (flags.help) {
  console.log(help);
  process.exit();
}
const report = await health({
  seed: numberOf('seed'),
  minutes: numberOf('minutes'),
  onProgress: (text) => console.log(`  ${text}`),
  onFinding: ({ sinceMs, words }) => console.log(`FOUND at ${seconds(sinceMs)}: ${words}`),
  ...(flags.picture === undefined ? {} : { picture: flags.picture }),
});
printSummary(report);
process.exitCode = report.findings.length + report.failures.length === 0 ? 0 : 1;

function printSummary(found: HealthReport): void {
  const { looks, blind, pageLooks, alertLooks, happenings, pods, accounts, memory, findings, failures, unseen } = found;
  console.log(
    `${looks} looks in ${found.seconds.toFixed(0)} s, seed ${flags.seed}: ${pageLooks} at the page, ${alertLooks} at alerts; ` +
      `${blind} more than 4 s after the one before; ${happenings} spikes, versions and rollouts`,
  );
  for (const [pool, [least, most]] of pods) console.log(`  ${pool}: ${least} to ${most} pods`);
  for (const traffic of traffics) {
    const { sent, right } = accounts[traffic];
    console.log(`  ${traffic.padEnd(8)} ${String(sent).padStart(7)} requests, ${right} answered right`);
  }
  const [before, after] = memory ?? [[], []];
  for (const then of before) {
    const now = after.find(({ pid }) => pid === then.pid);
    if (now === undefined || then.name.startsWith('pod')) continue;
    console.log(
      `  memory of ${then.name}: heap and buffers ${mebibytes(then.heapBytes)} → ${mebibytes(now.heapBytes)} MiB, ` +
        `resident ${mebibytes(then.residentBytes)} → ${mebibytes(now.residentBytes)} MiB`,
    );
  }
  for (const what of unseen) console.log(`NOT SEEN: ${what}`);
  for (const { sinceMs, lastMs, words } of findings)
    console.log(`FOUND at ${seconds(sinceMs)} to ${seconds(lastMs)}: ${words}`);
  for (const failure of failures.slice(0, 40)) console.log(`FAILED: ${failure}`);
  console.log(`${findings.length} findings, ${failures.length} failures`);
}

function seconds(ms: Finding['sinceMs']): string {
  return `${(ms / 1_000).toFixed(0)} s`;
}
