/** `npm run chaos`: faults by chance under a system that it starts. CONTRIBUTING.md says how to use it. */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { chaos, type ChaosReport } from './run.ts';

const help = `Usage: npm run chaos -- [options]

Starts a gateway, a scaler and three pods, sends good requests, and lets faults happen meanwhile: processes are killed and
stopped, a pod runs out of memory in a cgroup, the disk under a log is full, descriptors run out, the wall clock is set,
strangers drain pods and send broken requests. Fails unless each request is accounted for: answered right, refused with a
reason, or lost with a gateway that was killed; and unless all is as before at the end. Faults that this machine can't make
are counted with the reason.

  --faults <n>     default 30
  --seed <n>       default 1; the order of faults, not their moment, is the same for the same seed
  --every <ms>     from one fault to the next, default 1000; several go on at once
  --rate <n>       good requests a second, default 40
  --help
`;

const { values: flags } = parseArgs({
  options: {
    faults: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    every: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '40' },
    help: { type: 'boolean', default: false },
  },
});

function whole(name: 'faults' | 'seed' | 'every' | 'rate'): number {
  const value = Number(flags[name]);
  if (Number.isSafeInteger(value) && value >= (name === 'seed' ? 0 : 1)) return value;
  console.error(`--${name}: must be a whole number above 0, was: ${flags[name]}`);
  process.exit(2);
}

if (flags.help) {
  console.log(help);
  process.exit();
}
const report = await chaos({
  seed: whole('seed'),
  faults: whole('faults'),
  everyMs: whole('every'),
  requestsPerSecond: whole('rate'),
  onProgress: (text) => console.log(`  ${text}`),
});
printSummary(report);
process.exitCode = report.failures.length === 0 ? 0 : 1;

function printSummary({ seconds, done, skipped, load, strangers, failures }: ChaosReport): void {
  const total = [...done.values()].reduce((sum, count) => sum + count, 0);
  console.log(`${total} faults in ${seconds.toFixed(0)} s, seed ${flags.seed}`);
  for (const [name, count] of [...done].toSorted()) console.log(`  ${String(count).padStart(4)}  ${name}`);
  for (const [name, { count, why }] of skipped) console.log(`  ${String(count).padStart(4)}  ${name}: skipped, ${why}`);
  const refused = [...load.refused].map(([status, count]) => `, ${count} refused (${status})`).join('');
  console.log(
    `${load.sent} good requests: ${load.right} answered right${refused}, ${load.lost} lost with a killed gateway`,
  );
  console.log(
    `strangers: ${[...strangers]
      .toSorted()
      .map(([what, count]) => `${what} × ${count}`)
      .join(', ')}`,
  );
  for (const failure of failures.slice(0, 40)) console.log(`FAILED: ${failure}`);
  console.log(`${failures.length} failures`);
}
