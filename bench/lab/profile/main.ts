/**
 * Profiles the CPU time of gateway and pods under load: `node bench/lab/profile/main.ts`.
 * Profiling itself costs some percent, so read shares here, and times in bench/results/gateway.md.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { whole } from '../../../runtime/process/flag-values.ts';
import { exitAfterUsage } from '../../../runtime/process/usage.ts';
import { summarize, type CpuProfile, type ProfileWindow } from './cpu-profile.ts';
import { cpuCases } from '../scenarios/gateway.ts';
import { startLoadGenerator } from '../rig/load.ts';
import { measureTarget } from '../rig/measure.ts';
import { startSluice } from '../rig/systems.ts';

interface Flags {
  readonly body: string;
  readonly top: number;
}

const bodies = cpuCases.map(({ name }) => name);
const flags = new Command('node bench/lab/profile/main.ts')
  .description('Where the time of gateway and pods goes under load: by area, and the functions with the most of it.')
  .addOption(new Option('--body <name>', 'what is sent').choices(bodies).default('mlp binary'))
  .option('--top <n>', 'functions of each thread', whole(1), 25)
  .exitOverride(exitAfterUsage)
  .parse()
  .opts<Flags>();
const pods = 2;
const connections = 256;
const warmUpMs = 2_000;
const measureMs = 6_000;

const one = cpuCases.find(({ name }) => name === flags.body)!;

/** Time by the clock of V8's samples. */
const monotonicUs = () => Number(process.hrtime.bigint() / 1000n);

const folder = await mkdtemp(join(tmpdir(), 'sluice-profile-'));
const load = startLoadGenerator();
try {
  const env = { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder} --cpu-prof-interval=500` };
  const system = await startSluice({ models: ['langid', 'mlp'], pods, env });
  const window = { fromUs: 0, toUs: 0 };
  try {
    const measurement = { target: system, workload: one.workload, connections };
    await measureTarget(load, { ...measurement, amount: { durationMs: warmUpMs } });
    window.fromUs = monotonicUs();
    const sample = await measureTarget(load, { ...measurement, amount: { durationMs: measureMs } });
    window.toUs = monotonicUs();
    process.stdout.write(`${one.name}: ${JSON.stringify(sample)}\n`);
  } finally {
    // A profile is written when its process ends.
    await system.stop();
  }
  const processes = new Map([
    [system.gatewayPid, 'gateway'],
    ...system.pods.map((pod) => [pod.pid, pod.name] as const),
  ]);
  await print(processes, window);
} finally {
  load.stop();
  await rm(folder, { recursive: true, force: true });
}

async function print(processes: ReadonlyMap<number, string>, window: ProfileWindow): Promise<void> {
  for (const file of (await readdir(folder)).sort()) {
    // CPU.<date>.<time>.<pid>.<thread>.<sequence>.cpuprofile
    const [, , , pid, thread] = file.split('.');
    const name = processes.get(Number(pid));
    if (name === undefined) continue;
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile;
    const { functions, areas, busyUs, idleUs } = summarize(profile, window);
    const percent = (us: number) => ((100 * us) / busyUs).toFixed(1).padStart(6);
    process.stdout.write(
      `\n${name}, thread ${thread ?? '?'}: busy ${Math.round(busyUs / 1000)} ms, idle ${Math.round(idleUs / 1000)} ms\n` +
        ` self %  area\n${areas.map((area) => `${percent(area.selfUs)}   ${area.name}\n`).join('')}` +
        ` self %  total %  function\n` +
        functions
          .slice(0, flags.top)
          .map((one) => `${percent(one.selfUs)}   ${percent(one.totalUs)}  ${one.name}\n`)
          .join(''),
    );
  }
}
