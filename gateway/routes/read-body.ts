/** Reads the body of a request into the pieces in which it comes, within the room that its pool has. */
import type { IncomingMessage } from 'node:http';
import type { SluiceError } from '../../contract/errors.ts';
import type { ModelQueue } from '../queue/model-queue.ts';
import type { Pool } from '../pool.ts';

export interface Body {
  readonly parts: readonly Buffer[];
  readonly bytes: number;
}

/**
 * Calls `done` once, with the body or with why there is none; never after the client has gone.
 * Room for the body is reserved as announced, or as it comes where its length is not.
 */
export function readBody(
  message: IncomingMessage,
  pool: Pool,
  modelQueue: ModelQueue,
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
    pool.unreserve(reserved);
    // The listeners live as long as the message, which may be longer than anybody wants its body.
    const body = { parts, bytes };
    parts = [];
    done(error, body);
  };
  const reserve = (more: number): boolean => {
    try {
      pool.reserve(modelQueue, reserved, more);
    } catch (error) {
      finish(error as SluiceError);
      return false;
    }
    reserved += more;
    return true;
  };
  if (!reserve(announced)) return;
  message.on('data', (piece: Buffer) => {
    if (over) return;
    bytes += piece.length;
    if (bytes > reserved && !reserve(bytes - reserved)) return;
    parts.push(piece);
  });
  message.on('end', () => finish(null));
  message.on('close', () => {
    if (over) return;
    over = true;
    pool.unreserve(reserved);
  });
}
