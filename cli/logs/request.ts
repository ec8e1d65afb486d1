/** Request of `sluice logs`, and where its lines go, whoever runs the pods. Types only. */
import type { AskFlags } from '../ask-scaler.ts';

export interface LogsFlags extends AskFlags {
  readonly follow?: true;
  readonly tail?: number;
  readonly previous?: true;
  readonly cluster: 'local' | 'kubernetes';
  readonly namespace?: string;
  readonly container?: string;
}

/** Where lines go, and what ends the wait for more. */
export interface LogSink {
  readonly line: (pod: string, line: string, atMs: number) => void;
  readonly signal: AbortSignal;
}
