/** Exit codes of commands, and the exit after `--help` or a usage error that commander has reported. */
import type { CommanderError } from 'commander';

/** Exit code for invalid usage. */
export const exitUsage = 2;
/** Exit code after SIGINT by shell convention: 128 + SIGINT. */
export const exitInterrupted = 130;

export function exitAfterUsage({ exitCode }: CommanderError): never {
  process.exit(exitCode === 0 ? 0 : exitUsage);
}
