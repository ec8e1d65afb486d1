/** Starts a peer on free ports of this machine, as a tree of processes that ends whole. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Workload } from '../../load-test/workload.ts';
import { freePorts } from '../rig/free-ports.ts';
import type { Cleanup, Stoppable } from '../rig/cleanup.ts';
import type { Peer } from './peer.ts';
import { ProcessTree } from './process-tree.ts';

export interface PeerServer extends Stoppable {
  readonly origin: string;
  readonly tree: ProcessTree;
}

const readyLimitMs = 120_000;
const pollMs = 50;
/** Time to end after SIGTERM, before remaining processes are killed. */
const graceMs = 15_000;
const orphanGraceMs = 2_000;
/** Last lines of output that are kept, to tell why a peer did not start. */
const lastLines = 30;

/** @param asked requests that a ready server answers 2xx. @throws Error with the peer's last lines if it does not get ready */
export async function startPeer(
  peer: Peer,
  programs: string,
  asked: readonly Workload[],
  cleanup: Cleanup,
): Promise<PeerServer> {
  const ports = await freePorts(3);
  const [port, ...otherPorts] = ports as [number, number, number];
  // Some peers write into their working directory.
  const folder = await mkdtemp(path.join(tmpdir(), 'peer-'));
  const { program, args, env } = peer.launch({
    folder: fileURLToPath(new URL(`${peer.name}/`, import.meta.url)),
    port,
    otherPorts,
  });
  const child = spawn(path.join(programs, program), args, {
    cwd: folder,
    env: { ...process.env, ...environment(programs, folder), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A session of its own: Ctrl-C reaches this script alone, which then ends the peer, and orphans are found by session.
    detached: true,
  });
  const tree = new ProcessTree(child.pid ?? 0);
  const server: PeerServer = {
    origin: `http://127.0.0.1:${port}`,
    tree,
    stop: async () => {
      await end(child, tree);
      await rm(folder, { recursive: true, force: true });
    },
  };
  // Tracked before it is ready, so that a signal meanwhile ends it too.
  await cleanup.track(server);
  const lines = lastLinesOf(child);
  try {
    await untilReady(server, child, asked);
  } catch (error) {
    await cleanup.stop(server);
    throw new Error(`${peer.name} did not get ready: ${(error as Error).message}\n${lines.join('\n')}`, {
      cause: error,
    });
  }
  return server;
}

function environment(programs: string, folder: string): Record<string, string> {
  return {
    PATH: `${programs}${path.delimiter}${process.env['PATH'] ?? ''}`,
    // Folder of onnx_model.py.
    PYTHONPATH: fileURLToPath(new URL('shared', import.meta.url)),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    SLUICE_MODELS: fileURLToPath(new URL('../../../models/zoo', import.meta.url)),
    HOME: folder,
  };
}

async function untilReady(
  { origin, tree }: PeerServer,
  child: ChildProcess,
  asked: readonly Workload[],
): Promise<void> {
  const ended: string[] = [];
  child.once('error', (error) => ended.push(error.message));
  child.once('exit', (status, signal) => ended.push(`it ended with ${String(signal ?? status)}`));
  const endMs = performance.now() + readyLimitMs;
  let last = 'no answer';
  while (performance.now() < endMs) {
    if (ended.length > 0) throw new Error(ended[0]);
    tree.look();
    const answers = await Promise.all(
      asked.map((workload) => postBody(origin, workload, 0).catch((error: unknown) => String(error))),
    );
    const bad = answers.find((answer) => typeof answer === 'string');
    if (bad === undefined) return;
    last = bad;
    await pause(pollMs);
  }
  throw new Error(`not within ${readyLimitMs / 1000} s; last ${last}`);
}

/** @throws Error if the answer is not 2xx */
export async function postBody(
  origin: string,
  { path: where, headers, bodies }: Workload,
  body: number,
): Promise<Buffer> {
  const answer = await fetch(`${origin}${where}`, { method: 'POST', headers, body: new Uint8Array(bodies[body]!) });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${where} answered ${answer.status}: ${bytes.toString().slice(0, 300)}`);
  return bytes;
}

function lastLinesOf({ stdout, stderr }: ChildProcess): readonly string[] {
  const lines: string[] = [];
  for (const stream of [stdout!, stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > lastLines) lines.shift();
    });
  }
  return lines;
}

async function end(child: ChildProcess, tree: ProcessTree): Promise<void> {
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  if (running()) child.kill('SIGTERM');
  await within(graceMs, () => !running());
  // Orphans get no signal from their parent.
  if (await within(orphanGraceMs, () => tree.alive().length === 0)) return;
  for (const { pid } of tree.alive()) signal(pid, 'SIGKILL');
  await within(graceMs, () => tree.alive().length === 0);
}

async function within(limitMs: number, done: () => boolean): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  while (!done()) {
    if (performance.now() >= endMs) return false;
    await pause(pollMs);
  }
  return true;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has ended meanwhile.
  }
}
