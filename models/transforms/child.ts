/**
 * Entry point of the child process of one transform: imports the user's module, makes calls as the pod asks on file
 * descriptor 3, and ends with that pipe. The pod sets limits from outside; whatever happens here is no harm to it.
 */
import '../../runtime/process/float16.ts';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { Socket } from 'node:net';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { tuneCollector } from '../../runtime/process/heap.ts';
import type { CallRunner } from './call-runner.ts';
import { describeError, placeOf } from './failures.ts';
import { stateOfFileNow } from './file-state.ts';
import { FrameReader } from './frames.ts';
import { messageFrame, outcomesFrame, readCalls, type EndedCall, type FromChild, type ToChild } from './messages.ts';
import { folderOf, openTransform } from './open-transform.ts';
import { resolvePackagePath, transformModule } from './package-path.ts';

tuneCollector();

const pipe = new Socket({ fd: 3 });
const parent = process.ppid;
let folder = '';
let runner: CallRunner | undefined;
/** Files of the user by path, with their states before they were read. */
const loaded = new Map<string, string>();

/** Where the kernel doesn't end this process with the pod, a thread does, even while this one is in an endless loop. */
if (process.argv.includes('--watch-parent')) {
  const watch = `setInterval(() => { if (process.ppid !== ${parent}) process.kill(process.pid, 'SIGKILL'); }, 500)`;
  new Worker(watch, { eval: true }).unref();
}

// Makes the kernel choose this process, not the pod, where memory runs out.
try {
  writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // Only Linux has it.
}

// Ctrl-C in a terminal reaches the pod's whole process group; the pod still needs this process to finish its requests.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

// A process that ends itself says where, which neither its exit code nor a signal does.
const exit = process.exit.bind(process);
const abort = process.abort.bind(process);
process.exit = (code) => {
  tellEnd(`process.exit(${code ?? ''})`);
  return exit(code);
};
process.abort = () => {
  tellEnd('process.abort()');
  return abort();
};

function tellEnd(what: string): void {
  const place = placeOf(new Error().stack ?? '', folder);
  if (place !== null) process.stderr.write(`${what} was called (${place})\n`);
}

resolvePackagePath();
registerHooks({
  load: (url, context, next) => {
    if (url !== transformModule && url.startsWith('file:')) noteState(url);
    return next(url, context);
  },
});

function noteState(url: string): void {
  const file = fileURLToPath(url.replace(/[?#].*$/, ''));
  if (!loaded.has(file)) loaded.set(file, stateOfFileNow(file));
}

function tell(message: FromChild): void {
  pipe.write(messageFrame(message));
}

async function load(file: string, timeoutMs: number): Promise<void> {
  folder = folderOf(file);
  noteState(pathToFileURL(file).href);
  try {
    const send = (ended: readonly EndedCall[]): unknown => pipe.write(outcomesFrame(ended, cpuUs()));
    const opened = await openTransform(file, { timeoutMs, send });
    runner = opened.runner;
    tell({ kind: 'up', surface: opened.surface, files: ownFiles(), cpuUs: cpuUs() });
  } catch (error) {
    // A file that is imported and missing may come.
    const url = error instanceof Error && 'url' in error ? String(error.url) : '';
    if (url.startsWith('file:')) noteState(url);
    tell({ kind: 'unusable', reason: describeImportError(error), files: ownFiles() });
  }
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function ownFiles(): [string, string][] {
  return [...loaded].filter(([file]) => !file.includes('/node_modules/'));
}

/**
 * An error of the import. V8 keeps the place of a syntax error in JavaScript to itself, and a file with one that no package.json
 * calls a module is taken for CommonJS without exports, so Node is asked about each file by itself.
 */
function describeImportError(error: unknown): string {
  if (error instanceof SyntaxError && !('code' in error)) {
    for (const file of [...loaded.keys()].reverse()) {
      if (!/\.[cm]?js$/.test(file)) continue;
      const { status, stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 5_000 });
      const [text] = /^SyntaxError.*$/m.exec(stderr) ?? [];
      if (status !== 0 && text !== undefined) return `${text} (${placeOf(stderr, folder) ?? file})`;
    }
  }
  return describeError(error, folder);
}

const reader = new FrameReader<ToChild>(Infinity);
pipe.on('data', (chunk: Buffer) => {
  for (const { message, body } of reader.push(chunk)) {
    if (message.kind === 'import') void load(message.file, message.timeoutMs);
    else runner!.run(message.step, readCalls(message, body));
  }
});
pipe.on('error', () => exit(0));
pipe.on('close', () => exit(0));
pipe.on('end', () => exit(0));
tell({ kind: 'started' });
