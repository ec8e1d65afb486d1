/** Removes what runs of `npm run chaos` that were killed have left on the machine: cgroups and mounted disks of processes that are gone. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

/** Name of what a run makes outside its own folders: it names the run's process, so that a later one knows it for a leftover. */
export function nameOf(kind: 'faults' | 'spare'): string {
  return `sluice-${kind}-${process.pid}`;
}

/** @param cgroups folders in which runs make cgroups */
export function removeLeftovers(cgroups: readonly string[]): void {
  for (const root of cgroups) {
    for (const folder of leftIn(root, 'faults')) attempt(() => rmdirSync(folder));
  }
  for (const folder of leftIn(tmpdir(), 'spare')) {
    const disk = path.join(folder, 'disk');
    // A gateway of that run may still write its log there: the disk goes with it.
    if (mountsOf().includes(` ${disk} `)) attempt(() => execFileSync('umount', ['-l', disk], { stdio: 'ignore' }));
    attempt(() => rmSync(folder, { recursive: true, force: true }));
  }
}

/** Folders of runs whose process is gone. */
function leftIn(root: string, kind: 'faults' | 'spare'): string[] {
  const names = attempt(() => readdirSync(root)) ?? [];
  return names
    .filter((name) => {
      const pid = new RegExp(`^sluice-${kind}-(\\d+)(?:-|$)`).exec(name)?.[1];
      return pid !== undefined && !isRunning(Number(pid));
    })
    .map((name) => path.join(root, name));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function mountsOf(): string {
  return attempt(() => readFileSync('/proc/mounts', 'utf8')) ?? '';
}

/** Does what may fail, as another run may do it at the same time, or this user may not. */
function attempt<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch {
    return undefined;
  }
}
