import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';

/** Sends SIGTERM and waits until the process has exited; does nothing if it already has. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
