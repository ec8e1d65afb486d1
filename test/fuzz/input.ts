/** Inputs of a fuzz run, whoever makes them: what is sent, where to, and whether it must be answered well. */
import type { Payload } from '../support/requests.ts';

export const kinds = ['json', 'binary', 'sockets', 'envelopes'] as const;
export type Kind = (typeof kinds)[number];

export const ports = ['client', 'admin', 'pod'] as const;
export type Port = (typeof ports)[number];

/** A whole HTTP request. */
export interface RequestInput {
  readonly kind: 'json' | 'binary' | 'envelopes';
  readonly port: Port;
  readonly path: string;
  readonly headers: Payload['headers'];
  readonly body: Buffer;
  /** Whether nothing of it is broken: it is answered 200. */
  readonly valid: boolean;
}

/** Bytes on a socket of their own, and how it ends. */
export interface SocketInput {
  readonly kind: 'sockets';
  readonly port: Port;
  readonly pieces: readonly Buffer[];
  /** `answer` waits for one and `end` half-closes and waits for the server's end; `reset` does so after the last piece. */
  readonly ending: 'answer' | 'end' | 'reset';
  readonly valid: boolean;
}

export type Input = RequestInput | SocketInput;
