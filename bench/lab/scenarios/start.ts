import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gatewayFlags, podFlags } from '../../../runtime/process/heap.ts';
import { spread } from '../../load-test/spread.ts';
import { langidTexts } from '../rig/bodies.ts';
import { endProcess } from '../rig/end-process.ts';
import { freePorts } from '../rig/free-ports.ts';
import { labSecret } from '../rig/lab-secret.ts';
import { childrenOf, cpuSeconds, residentMiB } from '../rig/process-meter.ts';
import { medianText } from './render.ts';
import type { ScenarioContext, BenchScenario } from './scenario.ts';

const pollMs = 5;
const limitMs = 60_000;
/** Pause before memory is read, in which garbage of the start is collected. */
const idleMs = 5_000;
const cli = fileURLToPath(new URL('../../../cli/sluice.js', import.meta.url));

export const startScenario: BenchScenario = {
  name: 'start',
  title: 'Start and idle memory',
  how:
    'From the start of a process to its first good answer, with warm files. The pod serves langid alone and is asked itself; the gateway ' +
    'is started in front of that pod and asked for a prediction of it. Memory is the resident set of both processes and of the one that runs the transform of langid, ' +
    `${idleMs / 1000} s later, pages that both map counted twice.`,
  run: async (bench) => {
    const rounds = bench.quick ? 2 : 5;
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
    const seen: Started[] = [];
    try {
      // An uncounted first round brings the files into the page cache.
      for (let round = 0; round <= rounds; round += 1) {
        bench.say(`  start ${round} of ${rounds}`);
        const one = await startBoth(bench, folder, round === 0 ? 0 : bench.quick ? 1_000 : idleMs);
        if (round > 0) seen.push(one);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    const of = (key: keyof Started): number[] => seen.map((one) => one[key]);
    return {
      lines: [
        {
          what: 'gateway, start to first answer',
          value: spread(of('gatewayS')),
          unit: 's',
          goal: { kind: 'at most', value: 1 },
          beside: `CPU time until then ${medianText(of('gatewayCpuS'))} s`,
        },
        {
          what: 'pod with langid, start to first answer',
          value: spread(of('podS')),
          unit: 's',
          goal: { kind: 'at most', value: 1.5 },
          beside: `CPU time until then ${medianText(of('podCpuS'))} s, with its warm-up at 1, 2, 4 … 64 rows`,
        },
        {
          what: 'idle memory, gateway + pod',
          value: spread(seen.map(({ podMiB, gatewayMiB }) => podMiB + gatewayMiB)),
          unit: 'MiB',
          goal: { kind: 'at most', value: 150 },
          beside: `gateway ${medianText(of('gatewayMiB'))} MiB, pod ${medianText(of('podMiB'))} MiB`,
        },
      ],
      repeats: `${rounds} starts after one that does not count.`,
      remarks: [
        'What stands in the way of the memory: two processes of Node, of which each takes about 43 MiB before a line of ours ' +
          'has run, 28 MiB of typebox in each, and the thread and library of ONNX Runtime in the pod.',
      ],
    };
  },
};

interface Started {
  readonly podS: number;
  readonly podCpuS: number;
  readonly gatewayS: number;
  readonly gatewayCpuS: number;
  readonly podMiB: number;
  readonly gatewayMiB: number;
}

async function startBoth({ cleanup }: ScenarioContext, folder: string, restMs: number): Promise<Started> {
  const ports = await freePorts(3);
  const [podPort, gatewayPort, adminPort] = ports as [number, number, number];
  const poolsFile = join(folder, 'pools.yaml');
  const endpoints = [`http://127.0.0.1:${podPort}`];
  const spec = { models: ['langid'], endpoints, shareSecretWithEndpoints: true };
  await writeFile(
    poolsFile,
    JSON.stringify({ apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name: 'p' }, spec }),
  );
  const repository = fileURLToPath(new URL('../../../models/zoo', import.meta.url));
  const pod = await cleanup.track(
    run(podFlags, ['model-server', '--repository', repository, '--models', 'langid', '--port', String(podPort)]),
  );
  const podS = await untilAnswered(podPort);
  const podCpuS = cpuSeconds(pod.pid);
  const gateway = await cleanup.track(
    run(gatewayFlags, [
      'gateway',
      '--pools',
      poolsFile,
      '--port',
      String(gatewayPort),
      '--admin-port',
      String(adminPort),
    ]),
  );
  const gatewayS = await untilAnswered(gatewayPort);
  const gatewayCpuS = cpuSeconds(gateway.pid);
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const transformsMiB = (childrenOf(pod.pid) ?? []).reduce((total, pid) => total + residentMiB(pid), 0);
  const memory = [residentMiB(pod.pid) + transformsMiB, residentMiB(gateway.pid)] as const;
  await cleanup.stop(gateway);
  await cleanup.stop(pod);
  return { podS, podCpuS, gatewayS, gatewayCpuS, podMiB: memory[0], gatewayMiB: memory[1] };
}

function run(flags: readonly string[], args: readonly string[]): { readonly pid: number; stop(): Promise<void> } {
  const child: ChildProcess = spawn(process.execPath, [...flags, cli, ...args], {
    stdio: 'ignore',
    env: { ...process.env, SLUICE_SECRET: labSecret },
  });
  return { pid: child.pid!, stop: () => endProcess(child) };
}

/** Seconds from now, which is the start of the process, to its first good answer. */
async function untilAnswered(port: number): Promise<number> {
  const { path, headers, bodies } = langidTexts();
  const beganMs = performance.now();
  while (performance.now() - beganMs < limitMs) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers,
      body: new Uint8Array(bodies[0]!),
    }).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return (performance.now() - beganMs) / 1000;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`no good answer at port ${port} within ${limitMs} ms`);
}
