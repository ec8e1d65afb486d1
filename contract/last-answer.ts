/** The last answer on a connection whose bytes are no HTTP: written by hand, and the connection ends with it. */
import { errorBody } from './errors.ts';
import { mediaTypes } from './headers.ts';

/** In it a client can read the answer, though it still sends. One that stays is cut off: what it had begun would stay too. */
const lingerMs = 1_000;

interface Connection {
  end(text: string): unknown;
  destroy(): unknown;
}

/** @param status code and phrase; @param message what was wrong, the text of the error */
export function endWithError(connection: Connection, status: string, message: string): void {
  const body = errorBody(message);
  connection.end(
    `HTTP/1.1 ${status}\r\ncontent-type: ${mediaTypes.json}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body.toString()}`,
  );
  setTimeout(() => connection.destroy(), lingerMs).unref();
}
