/**
 * Starts many models side by side: which is started where, and which once more by itself. No I/O, and no knowledge of what a
 * start is.
 */

/** A place where one model is started at a time: a thread of the session host. */
export interface Lane {
  readonly index: number;
  /** Whether nothing else is started meanwhile, so that the memory of the process tells what this model takes. */
  readonly alone: boolean;
}

/** Number of models that are worth a thread, which keeps about 20 MiB for the life of the process. */
const modelsPerLane = 8;
const mostLanes = 4;

export function lanesFor(models: number, cores: number): number {
  return Math.max(1, Math.min(Math.ceil(models / modelsPerLane), cores, mostLanes));
}

/**
 * Calls `start` for each task, on as many lanes at once, in order.
 *
 * @param start resolves to false if the task is to be started again, alone, after all others
 */
export async function startSideBySide<Task>(
  tasks: readonly Task[],
  lanes: number,
  start: (task: Task, lane: Lane) => Promise<boolean>,
): Promise<void> {
  const waiting = tasks.values();
  const again: Task[] = [];
  const work = async (lane: Lane): Promise<void> => {
    // Lanes share the iterator, so each task is taken once.
    for (const task of waiting) if (!(await start(task, lane))) again.push(task);
  };
  await Promise.all(Array.from({ length: lanes }, (_, index) => work({ index, alone: lanes === 1 })));
  for (const task of again) await start(task, { index: 0, alone: true });
}
