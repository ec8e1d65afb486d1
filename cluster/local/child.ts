/**
 * Child process with an IPC channel, output as lines, and a single exit callback with a readable reason.
 *
 * Children run in their own session, since Ctrl-C in a terminal reaches the whole foreground process group and would stop them
 * before their requests are finished. They stop on SIGTERM, or when their IPC channel closes.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ChildOptions {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
  readonly onMessage: (message: unknown) => void;
  /** Called once, after the last line of output. */
  readonly onExit: (exit: Exit) => void;
}

export interface Exit {
  /** Exit code; null if a signal ended the process or it never started. */
  readonly code: number | null;
  /** Human-readable reason: `exit code 1`, `killed by SIGKILL` or `cannot start: spawn node ENOENT`. */
  readonly text: string;
}

export interface Child {
  readonly pid: number | undefined;
  /** Sends a message, which is dropped if the child has exited. */
  send(message: object): void;
  /** Sends SIGTERM, and SIGKILL after `graceMs`, in which case `onKill` is called. */
  terminate(graceMs: number, onKill: () => void): void;
  kill(): void;
  readonly exited: Promise<Exit>;
}

/** Time after the exit in which output may still arrive, before `onExit` is called without it. */
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
      // Errors of a closing channel also arrive here, and are ignored.
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
