/** A pod's own words, kept beyond its end. */
import { createInterface } from 'node:readline';
import type { Namespace } from './kubectl.ts';
import { follow } from './started.ts';

export interface LogLine {
  readonly msg?: string;
  /** RFC 3339 by pino's clock, in milliseconds since 1970. */
  readonly time?: number;
  readonly reason?: string;
  readonly inFlight?: number;
}

export class PodLog {
  readonly lines: LogLine[] = [];
  /** Resolves when the container has ended, or the log was let go. */
  readonly ended: Promise<void>;
  readonly #child: ReturnType<typeof follow>;

  /** Follows it from its beginning. */
  constructor(namespace: Namespace, pod: string) {
    const child = follow(['--namespace', namespace.name, 'logs', '--follow', pod]);
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('{')) this.lines.push(JSON.parse(line) as LogLine);
    });
    this.ended = new Promise((resolve) => child.on('close', () => resolve()));
  }

  async close(): Promise<void> {
    this.#child.kill();
    await this.ended;
  }
}
