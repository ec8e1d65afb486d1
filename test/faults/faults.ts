/** Faults of a chaos run: what each does to the system, and why one can't be done on this machine. */
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { paths } from '../../contract/headers.ts';
import type { System } from '../support/system.ts';
import { Chance } from '../fuzz/chance.ts';
import { runSocket, socketInput } from '../fuzz/sockets.ts';
import type { WallClock } from './clock.ts';
import type { MemoryGroup } from './memory-group.ts';
import type { SpareGateway } from './spare-gateway.ts';

export interface Surroundings {
  readonly system: System;
  readonly podOrigins: readonly string[];
  readonly spare: SpareGateway;
  readonly memory: MemoryGroup | null;
  readonly clock: WallClock | null;
  /** Tells that the gateway ends now, by a fault. */
  readonly onGatewayKilled: () => void;
  /** Counts what strangers were answered. */
  readonly onStranger: (what: string) => void;
}

export interface Fault {
  readonly name: string;
  /** Share among the faults. */
  readonly weight: number;
  /** Shortest time between two, where each makes the supervisor wait longer with the restart. */
  readonly everyMs?: number;
  /** Reason why it can't be done here; null if it can. */
  readonly skipped?: (around: Surroundings) => string | null;
  readonly run: (around: Surroundings, chance: Chance) => unknown;
}

/** A process may end, by another fault, before it is told anything. */
function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch {
    // The process has ended.
  }
}

async function pause(pid: number | undefined, ms: number): Promise<void> {
  signal(pid, 'SIGSTOP');
  await delay(ms);
  signal(pid, 'SIGCONT');
}

const aPod = ({ system }: Surroundings, chance: Chance): number | undefined => {
  const pods = system.podPids();
  return pods.length === 0 ? undefined : chance.pick(pods);
};
// A process that has ended for a minute of service is started again at once; sooner, after ever longer pauses.
const restartMs = 65_000;
const podRestartMs = 6_000;

export const faults: readonly Fault[] = [
  {
    name: 'kill a pod',
    weight: 8,
    everyMs: podRestartMs,
    run: (around, chance) => signal(aPod(around, chance), 'SIGKILL'),
  },
  { name: 'stop a pod', weight: 18, run: (around, chance) => pause(aPod(around, chance), chance.between(50, 3_000)) },
  {
    name: 'out of memory in a pod',
    weight: 4,
    everyMs: 3 * podRestartMs,
    skipped: ({ memory }) => (memory === null ? 'no cgroup can be made' : null),
    run: (around, chance) => {
      const pid = aPod(around, chance);
      if (pid !== undefined) around.memory!.take(pid);
    },
  },
  {
    name: 'kill the gateway',
    weight: 6,
    everyMs: restartMs,
    run: ({ system, onGatewayKilled }) => {
      onGatewayKilled();
      signal(system.pidsOf('gateway')[0], 'SIGKILL');
    },
  },
  {
    name: 'stop the gateway',
    weight: 8,
    run: ({ system }, chance) => pause(system.pidsOf('gateway')[0], chance.between(50, 1_500)),
  },
  {
    name: 'kill the scaler',
    weight: 6,
    everyMs: restartMs,
    run: ({ system }) => signal(system.pidsOf('scaler')[0], 'SIGKILL'),
  },
  {
    name: 'stop the scaler',
    weight: 8,
    run: ({ system }, chance) => pause(system.pidsOf('scaler')[0], chance.between(500, 5_000)),
  },
  {
    name: 'a full disk under the log',
    weight: 10,
    skipped: ({ spare }) => (spare.hasDisk ? null : 'no tmpfs can be mounted'),
    run: ({ spare }) => spare.fillDisk(),
  },
  { name: 'no descriptors left', weight: 8, run: ({ spare }) => spare.takeDescriptors() },
  {
    name: 'a step of the wall clock',
    weight: 14,
    skipped: ({ clock }) => (clock === null ? 'libfaketime is not installed (Debian: faketime)' : null),
    run: ({ clock }, chance) =>
      clock!.set(chance.pick([0, 1, -1, 30, -30, 3_600, -3_600, 86_400 * 400, -86_400 * 400])),
  },
  {
    name: 'a foreign drain',
    weight: 16,
    run: async ({ podOrigins, onStranger }, chance) => {
      const method = chance.pick(['POST', 'POST', 'DELETE']);
      const headers = { 'content-type': 'application/json' };
      const body = method === 'POST' ? JSON.stringify({ holder: 'stranger', ttlMs: 15_000 }) : null;
      try {
        const answer = await fetch(`${chance.pick(podOrigins)}${paths.drain}`, { method, headers, body });
        onStranger(`${method} ${paths.drain}: ${answer.status}`);
        await answer.body?.cancel();
      } catch {
        onStranger(`${method} ${paths.drain}: the pod was away`);
      }
    },
  },
  {
    name: 'broken requests and resets',
    weight: 12,
    run: async ({ system, onStranger }, chance) => {
      const seed = chance.int(2 ** 30);
      const all = Array.from({ length: 40 }, (_, index) =>
        runSocket(
          { origin: system.origin, localAddress: '127.0.0.2', isAnswered: false },
          socketInput(new Chance(seed, index), false),
        ),
      );
      for (const { answers } of await Promise.all(all)) onStranger(`broken request: ${answers[0]?.status ?? 'none'}`);
    },
  },
];
