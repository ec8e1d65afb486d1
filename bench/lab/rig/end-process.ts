import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';

/** SIGTERM, and then waits until it is gone; nothing where it is already. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
