/**
 * How much of what a step lets go of stays in V8's old generation. For tests of what holds requests for a short time: a table or a
 * list that leaves a chain of its former parts behind shows only once a full collection has promoted one of them.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** @returns what makes V8 collect all garbage at once */
export function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** @param step is repeated; what it adds it takes out again */
export function oldGenerationGrowthMiB(step: () => void, repeats: number): number {
  const collect = garbageCollector();
  for (let warm = 0; warm < 100; warm += 1) step();
  collect();
  const before = oldMiB();
  for (let repeat = 0; repeat < repeats; repeat += 1) step();
  return oldMiB() - before;
}

function oldMiB(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size / 2 ** 20;
}
