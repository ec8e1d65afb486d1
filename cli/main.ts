/** Runs the command line, and turns what stops it into lines on stderr and an exit code: 2 for what a person mistyped. */
import { CommanderError } from 'commander';
import { SettingsError } from '../contract/settings.ts';
import { AskError } from './ask-scaler.ts';
import { buildProgram } from './program.ts';
import { endUnrun, exitUsage } from '../runtime/process/usage.ts';

let isRead = true;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  // Nobody reads any more, as of `sluice explain | head`: what runs ends as if it was told to, what only prints ends silently.
  if (isRead) process.kill(process.pid, 'SIGTERM');
  isRead = false;
});

try {
  await buildProgram({
    env: process.env,
    print: (text) => process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
  }).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) endUnrun(error);
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

/** What the system refused (an address in use, a file that can't be read) needs no stack; a defect does. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error ? error.message : (error.stack ?? error.message);
}
