/** How a command ends on a command line that it does not run: after `--help`, or a mistake that commander has named. */
import type { CommanderError } from 'commander';

/** A usage mistake. */
export const exitUsage = 2;
/** As a shell has it of what SIGINT has ended. */
export const exitInterrupted = 130;

export function endUnrun({ exitCode }: CommanderError): never {
  process.exit(exitCode === 0 ? 0 : exitUsage);
}
