/**
 * Order in which test files run in processes of their own. What computes shares the cores a few at a time, what waits runs beside
 * it, and what takes longest begins first, so that nothing runs alone at the end. Pure, and reads no file.
 */

/**
 * Use of the machine. `works`: computes most of the time. `waits`: for timers and policies, minutes with little of a core.
 * `alone`: changes what all others stand on.
 */
export type Use = 'works' | 'waits' | 'alone';

/** Most processes at once of each use, and of all. */
export type Room = Readonly<Record<Exclude<Use, 'alone'> | 'all', number>>;

/** Seconds on two cores that have nothing else to do; files that are not named take less than 20. */
const known: Readonly<Record<string, readonly [seconds: number, use: Use]>> = {
  'test/e2e/scaling.test.ts': [250, 'waits'],
  'test/monitoring/prometheus.test.ts': [155, 'waits'],
  'test/e2e/scaling-step.test.ts': [71, 'waits'],
  'test/e2e/bench.test.ts': [139, 'works'],
  'test/chaos/scaling.test.ts': [60, 'works'],
  'test/page/accessibility.test.ts': [85, 'works'],
  'test/e2e/drains.test.ts': [83, 'works'],
  'test/e2e/bench-check.test.ts': [83, 'works'],
  'test/chaos/strangers.test.ts': [80, 'works'],
  'test/process/package.test.ts': [75, 'works'],
  'test/chaos/versions.test.ts': [60, 'works'],
  'test/process/live-repository.test.ts': [57, 'works'],
  'test/process/transforms.test.ts': [50, 'works'],
  'test/page/live.test.ts': [47, 'works'],
  'test/page/page.test.ts': [44, 'works'],
  'test/e2e/bench-busy.test.ts': [44, 'works'],
  'test/e2e/among-good.test.ts': [40, 'works'],
  'test/process/sluice-up.test.ts': [35, 'works'],
  'test/e2e/fuzz.test.ts': [30, 'works'],
  'test/e2e/repository.test.ts': [30, 'works'],
  'test/page/table.test.ts': [25, 'works'],
  'test/process/model-server-process.test.ts': [23, 'works'],
  'test/process/tune.test.ts': [22, 'works'],
  'test/e2e/ten-thousand.test.ts': [22, 'works'],
  'test/process/large-bodies.test.ts': [22, 'works'],
  'test/chaos/faults.test.ts': [20, 'works'],
  'test/e2e/gateway-process.test.ts': [20, 'works'],
  'test/page/many-pods.test.ts': [20, 'works'],
  'test/process/image-content.test.ts': [20, 'works'],

  'test/cluster/api-server.test.ts': [265, 'works'],
  'test/cluster/traffic.test.ts': [230, 'works'],
  'test/cluster/sick-pods.test.ts': [184, 'works'],
  'test/cluster/drain.test.ts': [161, 'works'],
  'test/cluster/kills.test.ts': [145, 'works'],
  // The upgrade installs an earlier ModelPool, of which a cluster has one.
  'test/cluster/upgrade.test.ts': [109, 'alone'],
  'test/cluster/many-pods.test.ts': [105, 'works'],
  'test/cluster/pools.test.ts': [91, 'works'],
  'test/cluster/adapter-away.test.ts': [82, 'waits'],
  'test/cluster/adapter-pods.test.ts': [73, 'waits'],
  'test/cluster/grace.test.ts': [56, 'works'],
  'test/cluster/namespaces.test.ts': [51, 'works'],
  'test/cluster/adapter-problems.test.ts': [42, 'waits'],
  'test/cluster/adapter-lease.test.ts': [36, 'waits'],
  'test/cluster/versions.test.ts': [90, 'works'],
  'test/cluster/faults.test.ts': [90, 'works'],
  'test/cluster/chart.test.ts': [26, 'works'],
  'test/cluster/contract.test.ts': [22, 'waits'],
  'test/cluster/image.test.ts': [20, 'works'],
};

/** Files that have an entry, so that a test can tell which are gone. */
export const knownFiles: readonly string[] = Object.keys(known);

/** A process of the run: a test file, or a share of the unit tests. */
export interface Job {
  readonly name: string;
  readonly seconds: number;
  readonly use: Use;
}

export function jobOf(file: string): Job {
  const [seconds, use] = known[file] ?? [10, 'works'];
  return { name: file, seconds, use };
}

/** @returns the first that has room beside those that run; undefined where all have to wait for one of them to end */
export function nextJob<Some extends Job>(
  waiting: readonly Some[],
  running: readonly Job[],
  room: Room,
): Some | undefined {
  if (running.length >= room.all || running.some(({ use }) => use === 'alone')) return undefined;
  const isFree = (use: Use): boolean =>
    use === 'alone' ? running.length === 0 : running.filter((job) => job.use === use).length < room[use];
  // A job that has to be alone comes last, when nothing else is left.
  return waiting.find(({ use }) => use !== 'alone' && isFree(use)) ?? waiting.find(({ use }) => isFree(use));
}

/** Runs all jobs, the longest first, each as soon as there is room for it. */
export async function runAll<Some extends Job>(
  jobs: readonly Some[],
  room: Room,
  run: (job: Some) => Promise<void>,
): Promise<void> {
  const waiting = jobs.toSorted((one, other) => other.seconds - one.seconds || one.name.localeCompare(other.name));
  const running = new Map<Some, Promise<void>>();
  while (waiting.length > 0 || running.size > 0) {
    const job = nextJob(waiting, [...running.keys()], room);
    if (job === undefined) {
      await Promise.race(running.values());
      continue;
    }
    waiting.splice(waiting.indexOf(job), 1);
    running.set(
      job,
      run(job).finally(() => running.delete(job)),
    );
  }
}
