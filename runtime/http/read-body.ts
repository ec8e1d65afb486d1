/** Reads the body of a request into the chunks in which it comes, within the room that there is for it. */
import type { IncomingMessage } from 'node:http';
import type { SluiceError } from '../../contract/errors.ts';

export interface Body {
  readonly parts: readonly Buffer[];
  readonly bytes: number;
}

/** Where a body may lie while it is read. */
export interface BodyRoom {
  /**
   * Takes room for `more` bytes of a body that has `reserved` bytes already, before they are read.
   * @throws SluiceError where there is none
   */
  reserve(reserved: number, more: number): void;
  /** Gives back all that a body had reserved: it is whole, refused or abandoned. */
  release(bytes: number): void;
}

/**
 * Calls `done` once, with the body or with why there is none; never after the client has gone.
 * Room is reserved for the announced length, or chunk by chunk where no length is announced.
 */
export function readBody(
  message: IncomingMessage,
  room: BodyRoom,
  done: (error: SluiceError | null, body: Body) => void,
): void {
  let parts: Buffer[] = [];
  const announced = Number(message.headers['content-length'] ?? 0);
  let bytes = 0;
  let reserved = 0;
  let over = false;
  const finish = (error: SluiceError | null): void => {
    if (over) return;
    over = true;
    room.release(reserved);
    // The listeners live as long as the message, which may be longer than anybody wants its body.
    const body = { parts, bytes };
    parts = [];
    done(error, body);
  };
  const reserve = (more: number): boolean => {
    try {
      room.reserve(reserved, more);
    } catch (error) {
      finish(error as SluiceError);
      return false;
    }
    reserved += more;
    return true;
  };
  if (!reserve(announced)) return;
  message.on('data', (chunk: Buffer) => {
    if (over) return;
    bytes += chunk.length;
    if (bytes > reserved && !reserve(bytes - reserved)) return;
    parts.push(chunk);
  });
  message.on('end', () => finish(null));
  message.on('close', () => {
    if (over) return;
    over = true;
    room.release(reserved);
  });
}
