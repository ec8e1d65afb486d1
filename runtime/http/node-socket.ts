/** Node's own fields of a socket of an HTTP server, as far as they are used here. Types only. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface NodeParser {
  incoming: IncomingMessage | null;
  /** Called with each head. Node passes the result on to its parser: 21 makes that stop behind the head, 2 is an upgrade. */
  onIncoming: (message: IncomingMessage, keepsAlive: boolean) => number;
  /** Parses bytes, and returns their number or an error. */
  execute(bytes: Buffer): number | Error;
  /** Copy of the bytes that the parser has read from the socket by itself, while their callback is running. */
  getCurrentBuffer(): Buffer;
  pause(): void;
  resume(): void;
  /** Place of the callback that tells what became of bytes which the parser has read by itself. */
  readonly constructor: { readonly kOnExecute: number };
  [callback: number]: ((result: number | Error) => void) | null | undefined;
}

export interface NodeHandle {
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
  reading: boolean;
  readStart(): number;
  readStop(): number;
}

export interface NodeSocket extends Socket {
  /** Whether the server reads no further requests for now. */
  _paused?: boolean;
  /** Answer whose turn it is. */
  _httpMessage?: ServerResponse | null;
  parser?: NodeParser | null;
  _handle?: NodeHandle | null;
}
