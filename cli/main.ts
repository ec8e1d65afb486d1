/** Entry point of the command line. Errors become lines on stderr and an exit code, 2 for invalid usage. */
import '../runtime/process/float16.ts';
import { CommanderError } from 'commander';
import { describeFailure } from './failure.ts';
import { buildProgram } from './program.ts';
import { exitAfterUsage } from '../runtime/process/usage.ts';

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
  const { lines, exitCode } = describeFailure(error);
  for (const line of lines) process.stderr.write(`sluice: ${line}\n`);
  process.exit(exitCode);
}
