/** A cgroup whose memory is too small for any process that is put there: the kernel kills it, as it kills a pod above its limit. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { nameOf, removeLeftovers } from './leftovers.ts';

const limitBytes = String(8 * 1024 * 1024);
/** Where cgroups of version 2 and of version 1 are, and the name of their limit. */
const places = [
  { root: '/sys/fs/cgroup', limit: 'memory.max', mark: 'cgroup.controllers' },
  { root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes', mark: 'memory.limit_in_bytes' },
];

export class MemoryGroup {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns null where no cgroup can be made */
  static create(): MemoryGroup | null {
    removeLeftovers(places.map(({ root }) => root));
    for (const { root, limit, mark } of places) {
      if (!existsSync(path.join(root, mark))) continue;
      const folder = path.join(root, nameOf('faults'));
      try {
        mkdirSync(folder);
        try {
          writeFileSync(path.join(folder, limit), limitBytes);
          return new MemoryGroup(folder);
        } catch {
          rmdirSync(folder);
        }
      } catch {
        // Not ours to write.
      }
    }
    return null;
  }

  take(pid: number): void {
    writeFileSync(path.join(this.#folder, 'cgroup.procs'), String(pid));
  }

  /** Removes the group once the kernel has ended what was in it. */
  remove(): void {
    try {
      rmdirSync(this.#folder);
    } catch {
      // The group still holds a process, one that never grew enough to be killed.
    }
  }
}
