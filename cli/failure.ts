/** Message of a failed command on stderr, and its exit code. Pure. */
import { SettingsError } from '../contract/settings.ts';
import { exitUsage } from '../runtime/process/usage.ts';
import { AskError } from './ask-scaler.ts';

export interface Failure {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

export function describeFailure(error: unknown): Failure {
  if (error instanceof SettingsError) return { lines: error.errors, exitCode: exitUsage };
  if (error instanceof AskError) return { lines: [error.message], exitCode: 1 };
  if (!(error instanceof Error)) return { lines: [String(error)], exitCode: 1 };
  // Failed system calls (an address in use, an unreadable file) are told by their message; other errors are bugs, with their stack.
  return { lines: ['syscall' in error ? error.message : (error.stack ?? error.message)], exitCode: 1 };
}
