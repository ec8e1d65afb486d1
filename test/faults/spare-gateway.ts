/** A second gateway with a pod of its own, few descriptors, and its log on a disk of 64 KiB that faults fill. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/gateway-harness.ts';
import { nameOf } from './leftovers.ts';
import { ready, start as startPod, type Started } from '../support/pod-process.ts';
import { Client, json, simpleInputs } from '../support/requests.ts';

const descriptors = 256;
const model = fileURLToPath(new URL('../../models/zoo/simple/1/model.onnx', import.meta.url));

export class SpareGateway {
  readonly #folder: string;
  readonly #disk: string;
  readonly #child: ChildProcess;
  readonly #origin: string;
  readonly #client: Client;
  /** A pod that no fault is meant for, so that each request must be answered. */
  readonly #pod: Started;
  /** Whether the log is on a disk of its own; without the right to mount one there are no full disks. */
  readonly hasDisk: boolean;
  readonly failures: string[] = [];

  private constructor(parts: {
    folder: string;
    disk: string;
    child: ChildProcess;
    origin: string;
    hasDisk: boolean;
    pod: Started;
  }) {
    this.#folder = parts.folder;
    this.#disk = parts.disk;
    this.#child = parts.child;
    this.#origin = parts.origin;
    this.#pod = parts.pod;
    this.hasDisk = parts.hasDisk;
    this.#client = new Client(parts.origin, { limitMs: 90_000 });
  }

  static async start(): Promise<SpareGateway> {
    const pod = await startPod({ simple: { versions: { '1': readFileSync(model) } } });
    await ready(pod);
    const folder = await mkdtemp(path.join(tmpdir(), `${nameOf('spare')}-`));
    const disk = path.join(folder, 'disk');
    mkdirSync(disk);
    const hasDisk = mounted(disk);
    const pools = path.join(folder, 'pools.yaml');
    const pool = { apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name: 'spare' } };
    await writeFile(pools, JSON.stringify({ ...pool, spec: { models: ['simple'], endpoints: [pod.origin] } }));
    const [port, adminPort] = await Promise.all([freePort(), freePort()]);
    const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
    const log = openSync(path.join(disk, 'log'), 'a');
    const command = `ulimit -n ${descriptors}; exec "${process.execPath}" "${sluice}" gateway --pools "${pools}" --port ${port} --admin-port ${adminPort}`;
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', log, log] });
    closeSync(log);
    const spare = new SpareGateway({ folder, disk, child, origin: `http://127.0.0.1:${port}`, hasDisk, pod });
    await until('the second gateway serves', async () => {
      try {
        return (await fetch(`${spare.#origin}/v1/models/simple`)).ok;
      } catch {
        return false;
      }
    });
    return spare;
  }

  /** Fills the disk, and asks for what is logged and what is not. */
  async fillDisk(): Promise<void> {
    const filler = path.join(this.#disk, 'filler');
    const file = openSync(filler, 'w');
    try {
      for (;;) writeSync(file, Buffer.alloc(1024));
    } catch {
      // The disk is full.
    } finally {
      closeSync(file);
    }
    await this.#ask('with a full disk');
    // Two of them may go on at once.
    rmSync(filler, { force: true });
    truncateSync(path.join(this.#disk, 'log'));
  }

  /** Opens more connections than the gateway has descriptors. */
  async takeDescriptors(): Promise<void> {
    const { hostname, port } = new URL(this.#origin);
    const sockets: Socket[] = Array.from({ length: descriptors + 150 }, () =>
      connect({ host: hostname, port: Number(port), localAddress: '127.0.0.2' }).on('error', () => undefined),
    );
    await delay(200);
    await this.#ask('without descriptors');
    for (const socket of sockets) socket.destroy();
  }

  async #ask(when: string): Promise<void> {
    for (let count = 0; count < 5; count += 1) {
      const answer = await this.#client.infer('simple', json({ inputs: simpleInputs(count) })).catch(String);
      const status = typeof answer === 'string' ? null : answer.status;
      if (status !== 200) this.failures.push(`${when}: ${JSON.stringify(answer).slice(0, 300)}`);
    }
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      this.failures.push(`${when}: the gateway has ended`);
  }

  async stop(): Promise<void> {
    await this.#client.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    await this.#pod[Symbol.asyncDispose]();
    if (this.hasDisk) execFileSync('umount', [this.#disk]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function mounted(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' });
    return readFileSync('/proc/mounts', 'utf8').includes(folder);
  } catch {
    return false;
  }
}
