/** Supervises a child process: restarts it when it exits, with the ports that it first listened on. */
import { startChild, type Child, type Exit } from '../cluster/local/child.ts';
import { isListening, type ListeningMessage } from '../cluster/local/ipc.ts';
import { explainExit, nextErrorText, type ErrorText } from '../cluster/local/log-lines.ts';
import { backoffConfig, planRestart } from '../cluster/local/policy/restart-backoff.ts';
import { variableName } from '../contract/settings.ts';

export interface SupervisedOptions<Ports> {
  readonly command: readonly [string, ...string[]];
  /** Environment for the next start. `ports` are those of the last process that listened, null before the first. */
  readonly env: (ports: Ports | null) => Readonly<Record<string, string | undefined>>;
  readonly portsOf: (message: ListeningMessage) => Ports;
  /** Time in milliseconds after the request to terminate at which the process is killed. */
  readonly graceMs: number;
  readonly onLine: (line: string) => void;
  readonly onWarning: (message: string) => void;
  /** Called for each started process; returns the handlers of its messages and of its exit. */
  readonly connect: (child: Child) => Connection<Ports>;
}

export interface Connection<Ports> {
  readonly onListening?: (ports: Ports) => void;
  readonly onMessage?: (message: unknown) => void;
  readonly onExit: () => void;
}

export interface Supervised<Ports> {
  /** Resolves to the ports once the process accepts connections, or to the failure after three exits without doing so. */
  readonly started: Promise<Ports | { readonly failed: string }>;
  pid(): number | undefined;
  /** Asks the process to terminate gracefully and waits for its exit. */
  stop(): Promise<void>;
  kill(): void;
}

const startAttempts = 3;

export function supervise<Ports extends object>(options: SupervisedOptions<Ports>): Supervised<Ports> {
  const started = Promise.withResolvers<Ports | { readonly failed: string }>();
  let ports: Ports | null = null;
  let child: Child;
  let stopping = false;
  let exits = 0;
  let startTimer: NodeJS.Timeout | undefined;

  function start(): void {
    let errorText: ErrorText | null = null;
    let upSinceMs = Infinity;
    child = startChild({
      command: options.command,
      env: options.env(ports),
      onLine: (line, stream) => {
        errorText = nextErrorText(errorText, line, stream);
        options.onLine(line);
      },
      onMessage: (message) => {
        if (!isListening(message)) return connection.onMessage?.(message);
        upSinceMs = Date.now();
        // Restarts keep a port that was picked at random, since clients know it.
        ports = options.portsOf(message);
        connection.onListening?.(ports);
        started.resolve(ports);
      },
      onExit: ({ text }: Exit) => {
        connection.onExit();
        if (stopping) return;
        const exit = explainExit(text, errorText);
        const restart = planRestart(backoffConfig, exits, exit, Math.max(0, Date.now() - upSinceMs));
        exits = restart.exits;
        if (ports === null && exits >= startAttempts) {
          started.resolve({ failed: exit });
          return;
        }
        options.onWarning(restart.reason);
        startTimer = setTimeout(start, restart.waitMs);
      },
    });
    const connection = options.connect(child);
  }
  start();

  return {
    started: started.promise,
    pid: () => child.pid,
    stop: async () => {
      stopping = true;
      clearTimeout(startTimer);
      const { graceMs } = options;
      child.terminate(graceMs, () => options.onWarning(`did not terminate within ${graceMs / 1000} s, killed`));
      await child.exited;
    },
    kill: () => {
      stopping = true;
      clearTimeout(startTimer);
      child.kill();
    },
  };
}

/** Adds settings to `base` as environment variables. Undefined settings remove their variable. */
export function environment(
  base: Readonly<Record<string, string | undefined>>,
  settings: Readonly<Record<string, string | number | undefined>>,
): Record<string, string | undefined> {
  const env = { ...base };
  for (const [property, value] of Object.entries(settings)) {
    env[variableName(property)] = value === undefined ? undefined : String(value);
  }
  return env;
}
