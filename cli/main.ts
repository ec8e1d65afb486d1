/** Entry point of the command line. Errors become lines on stderr and an exit code, 2 for invalid usage. */
import '../runtime/process/float16.ts';
import { CommanderError } from 'commander';
import { SettingsError } from '../contract/settings.ts';
import { AskError } from './ask-scaler.ts';
import { buildProgram } from './program.ts';
import { exitAfterUsage, exitUsage } from '../runtime/process/usage.ts';

// Warnings of Node that can't be written are no reason to end.
process.stderr.on('error', () => undefined);
let isOpen = true;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  // EPIPE, as in `sluice explain | head`: printing commands exit quietly. Logs are written elsewhere, and lose lines.
  if (isOpen) process.kill(process.pid, 'SIGTERM');
  isOpen = false;
});

try {
  await buildProgram({
    env: process.env,
    print: (text) => process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
  }).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) exitAfterUsage(error);
  if (error instanceof SettingsError) {
    for (const line of error.errors) process.stderr.write(`sluice: ${line}\n`);
    process.exit(exitUsage);
  }
  if (error instanceof AskError) {
    process.stderr.write(`sluice: ${error.message}\n`);
    process.exit(1);
  }
  process.stderr.write(`sluice: ${describeFailure(error)}\n`);
  process.exit(1);
}

/** Failed system calls (an address in use, an unreadable file) print a message; other errors are bugs and print a stack. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error ? error.message : (error.stack ?? error.message);
}
