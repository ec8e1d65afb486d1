/**
 * A child process with an IPC channel, its output as lines, and an end that is told once, in words.
 *
 * Children lead a session of their own: Ctrl-C in a terminal reaches the whole foreground process group, and would
 * end them before what they hold is finished. They go when they are told to, or when their channel closes.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ChildOptions {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
  readonly onMessage: (message: unknown) => void;
  /** Called once, after the last line. */
  readonly onExit: (exit: Exit) => void;
}

export interface Exit {
  /** null when a signal ended it, or it never started. */
  readonly code: number | null;
  /** For people: `exit code 1`, `killed by SIGKILL`, `cannot start: spawn node ENOENT`. */
  readonly text: string;
}

export interface Child {
  readonly pid: number | undefined;
  /** Dropped without an error when the child is gone. */
  send(message: object): void;
  /** SIGTERM, then SIGKILL if it is still there after `graceMs`, which `onKill` is told. */
  terminate(graceMs: number, onKill: () => void): void;
  kill(): void;
  readonly exited: Promise<Exit>;
}

/** How long lines may still arrive after the process is gone, before its end is told without them. */
const lastLinesMs = 250;

export function startChild(options: ChildOptions): Child {
  const [program, ...args] = options.command;
  const child = spawn(program, args, {
    env: options.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream]!, crlfDelay: Infinity }).on('line', (line) => options.onLine(line, stream));
  }
  child.on('message', options.onMessage);

  let graceTimer: NodeJS.Timeout | undefined;
  let gone = false;
  const ended = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      // Errors of a channel that closes come here too, and are no end.
      if (child.pid === undefined) resolve({ code: null, text: `cannot start: ${error.message}` });
    });
    child.on('error', () => undefined);
    child.once('exit', (code, signal) => {
      const exit = { code, text: signal === null ? `exit code ${code ?? '?'}` : `killed by ${signal}` };
      const lines = setTimeout(() => resolve(exit), lastLinesMs);
      child.once('close', () => {
        clearTimeout(lines);
        resolve(exit);
      });
    });
  });
  const exited = ended.then((exit) => {
    gone = true;
    clearTimeout(graceTimer);
    options.onExit(exit);
    return exit;
  });

  return {
    pid: child.pid,
    send: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
    terminate: (graceMs, onKill) => {
      if (gone) return;
      child.kill('SIGTERM');
      graceTimer ??= setTimeout(() => {
        if (child.kill('SIGKILL')) onKill();
      }, graceMs);
    },
    kill: () => {
      child.kill('SIGKILL');
    },
    exited,
  };
}
