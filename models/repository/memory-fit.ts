/**
 * Whether a version fits into the memory that its process may take: creating a session takes about twice the size of its files for a
 * moment, and a process that takes more than its limit is killed. Reads sizes and limits, no file of a model.
 */
import { readFile, readdir, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import path from 'node:path';

/** Bytes that a session takes at most while it is created, as a multiple of its files. */
const sizeFactor = 2;

export interface Memory {
  readonly limitBytes: number;
  readonly usedBytes: number;
}

/** @returns why loading the version would put what serves at risk; null if it would not */
export function misfit(fileBytes: number, { limitBytes, usedBytes }: Memory): string | null {
  const neededBytes = sizeFactor * fileBytes;
  const freeBytes = Math.max(0, limitBytes - usedBytes);
  if (neededBytes <= freeBytes) return null;
  const needs = `its files have ${mib(fileBytes)} and loading them takes up to ${mib(neededBytes)}`;
  return `too large: ${needs}, but of the limit of ${mib(limitBytes)} only ${mib(freeBytes)} are free`;
}

/** @throws Error if the version of this ONNX file could take the process down, and what it serves with it */
export async function checkFree(file: string): Promise<void> {
  const reason = misfit(await sizeOf(path.dirname(file)), await memoryOf());
  if (reason !== null) throw new Error(reason);
}

/** @throws Error if the files of the version are larger than the limit, so that it can't be loaded, nor need be read to know that */
export async function checkSize(file: string): Promise<void> {
  const memory = await memoryOf();
  const bytes = await sizeOf(path.dirname(file));
  if (bytes > memory.limitBytes) throw new Error(misfit(bytes, memory)!);
}

/** Memory in bytes that the control group of this process may take; null where it has no limit. */
export async function memoryLimitBytes(): Promise<number | null> {
  return (await groupMemory('/sys/fs/cgroup'))?.limitBytes ?? null;
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const inside = path.join(folder, entry.name);
    bytes += entry.isDirectory() ? await sizeOf(inside) : (await stat(inside)).size;
  }
  return bytes;
}

/** Files of a control group that tell its memory, by version of control groups, and counters of its file cache in `memory.stat`. */
const groups = [
  { folder: '.', limit: 'memory.max', used: 'memory.current', cache: ['active_file', 'inactive_file'] },
  {
    folder: 'memory',
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    cache: ['total_active_file', 'total_inactive_file'],
  },
] as const;

/** Memory of the control group, where it has a limit, without the file cache, which gives way; else that of the machine. */
async function memoryOf(): Promise<Memory> {
  const own = process.memoryUsage.rss();
  return (await groupMemory('/sys/fs/cgroup')) ?? { limitBytes: process.availableMemory() + own, usedBytes: own };
}

/** @returns null for a group without a limit of its own: what has none in version 1 has more than any machine */
export async function groupMemory(root: string): Promise<Memory | null> {
  for (const { folder, limit, used, cache } of groups) {
    const [max, current, stats] = await Promise.all(
      [limit, used, 'memory.stat'].map((name) => readFile(path.join(root, folder, name), 'utf8').catch(() => '')),
    );
    const limitBytes = Number.parseInt(max!, 10);
    if (!Number.isFinite(limitBytes) || limitBytes > totalmem()) continue;
    const cached = cache.reduce(
      (sum, key) => sum + Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stats!)?.[1] ?? 0),
      0,
    );
    return { limitBytes, usedBytes: Math.max(0, Number.parseInt(current!, 10) - cached) };
  }
  return null;
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
