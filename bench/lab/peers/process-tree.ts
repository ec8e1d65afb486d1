/**
 * All processes of a server together: the one that was started, its descendants, and the members of a session that one
 * of them leads. A process that was seen in the tree stays in it when its parent ends, so look while the server starts.
 */
import { allProcesses, proportionalMiB, type ProcessRow } from '../rig/process-meter.ts';

/** @param seen members found by earlier calls: pid → start in ticks */
export function treeOf(
  root: number,
  processes: readonly ProcessRow[],
  seen: ReadonlyMap<number, number> = new Map(),
): ProcessRow[] {
  const members = new Set([root]);
  for (const { pid, startTicks } of processes) if (seen.get(pid) === startTicks) members.add(pid);
  for (let before = 0; before < members.size;) {
    before = members.size;
    for (const { pid, parent, session } of processes) {
      if (members.has(parent) || members.has(session)) members.add(pid);
    }
  }
  return processes.filter(({ pid }) => members.has(pid));
}

export class ProcessTree {
  readonly #root: number;
  readonly #seen = new Map<number, number>();

  constructor(root: number) {
    this.#root = root;
  }

  look(): ProcessRow[] {
    const found = treeOf(this.#root, allProcesses(), this.#seen);
    for (const { pid, startTicks } of found) this.#seen.set(pid, startTicks);
    return found;
  }

  /** Cumulative CPU time. A process that ends without being waited for is missing from then on. */
  cpuS(): number {
    return this.look().reduce((total, { cpuS }) => total + cpuS, 0);
  }

  /** Proportional sets together: a page that several of the processes map counts once. */
  memoryMiB(): number {
    return this.look().reduce((total, { pid }) => total + proportionalMiB(pid), 0);
  }

  /** Members that have not ended. */
  alive(): ProcessRow[] {
    return this.look().filter(({ ended }) => !ended);
  }
}
