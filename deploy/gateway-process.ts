/** The gateway as a supervised child process: it gets the views of the cluster, and is started again when it ends. */
import { startChild, type Child, type Exit } from '../cluster/local/child.ts';
import { isListening, publish, type ListeningMessage } from '../cluster/local/ipc.ts';
import { explainExit, nextErrorText, type ErrorText } from '../cluster/local/log-lines.ts';
import { backoffConfig, planRestart } from '../cluster/local/policy/restart-backoff.ts';
import type { Cluster } from '../cluster/port.ts';
import { variableName } from '../contract/settings.ts';
import type { GatewaySettings } from '../gateway/settings.ts';

export interface GatewayProcessOptions {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings: Pick<GatewaySettings, 'host' | 'port' | 'adminPort' | 'logLevel' | 'graceMs'>;
  readonly cluster: Cluster;
  readonly onLine: (line: string) => void;
  readonly onWarning: (message: string) => void;
}

export interface GatewayProcess {
  /** The addresses, once it accepts connections; why not, when it ends three times before it ever did. */
  readonly started: Promise<{ readonly port: number; readonly adminPort: number } | { readonly failed: string }>;
  pid(): number | undefined;
  /** It finishes what it holds and ends. */
  stop(): Promise<void>;
  kill(): void;
}

const startAttempts = 3;
/** The gateway ends by itself within its grace; this is how much later it is killed. */
const graceMarginMs = 1000;

export function startGateway(options: GatewayProcessOptions): GatewayProcess {
  const { settings } = options;
  let ports = { port: settings.port, adminPort: settings.adminPort };
  const started = Promise.withResolvers<{ port: number; adminPort: number } | { failed: string }>();
  let child: Child;
  let stopping = false;
  let wasUp = false;
  let exits = 0;
  let startTimer: NodeJS.Timeout | undefined;

  function listening(message: ListeningMessage): void {
    // A port that was picked stays the same over restarts: clients have it.
    ports = { port: message.port, adminPort: message.adminPort ?? ports.adminPort };
    wasUp = true;
    started.resolve(ports);
  }

  function start(): void {
    let errorText: ErrorText | null = null;
    let upSinceMs = Infinity;
    // The pools come with the views; a file would be taken for the truth instead.
    const env: Record<string, string | undefined> = { ...options.env, [variableName('pools')]: undefined };
    for (const [property, value] of Object.entries({ ...settings, ...ports })) {
      env[variableName(property)] = String(value);
    }
    child = startChild({
      command: options.command,
      env,
      onLine: (line, stream) => {
        errorText = nextErrorText(errorText, line, stream);
        options.onLine(line);
      },
      onMessage: (message) => {
        if (!isListening(message)) return;
        upSinceMs = Date.now();
        listening(message);
      },
      onExit: ({ text }: Exit) => {
        stopPublishing();
        if (stopping) return;
        const exit = explainExit(text, errorText);
        const restart = planRestart(backoffConfig, exits, exit, Math.max(0, Date.now() - upSinceMs));
        exits = restart.exits;
        if (!wasUp && exits >= startAttempts) {
          started.resolve({ failed: exit });
          return;
        }
        options.onWarning(restart.reason);
        startTimer = setTimeout(start, restart.waitMs);
      },
    });
    const stopPublishing = publish(child, options.cluster);
  }
  start();

  return {
    started: started.promise,
    pid: () => child.pid,
    stop: async () => {
      stopping = true;
      clearTimeout(startTimer);
      const graceMs = settings.graceMs + graceMarginMs;
      child.terminate(graceMs, () => options.onWarning(`did not end within ${graceMs / 1000} s, killed`));
      await child.exited;
    },
    kill: () => {
      stopping = true;
      clearTimeout(startTimer);
      child.kill();
    },
  };
}
