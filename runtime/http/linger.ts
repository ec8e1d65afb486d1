/**
 * Ends connections whose client still sends. A socket that is closed over unread bytes is reset, and a reset can overtake the
 * answer: so the answer is sent with its end, some bytes are read and dropped, and the connection is destroyed a little later.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Bytes that are dropped for clients that read no answer before they have sent all. */
const droppedBytes = 1024 * 1024;

/** Makes the connection linger after this answer, which must say `connection: close`. */
export function lingerAfter(response: ServerResponse, lingerMs: number): void {
  const { socket } = response.req;
  // Node ends the connection of a last answer by this method.
  socket.destroySoon = () => linger(socket, lingerMs);
}

/** Sends the end of what was written, and destroys the socket after a while. */
export function linger(socket: Socket, lingerMs: number): void {
  if (socket.destroyed) return;
  let left = droppedBytes;
  // Whatever still comes is no request: the parser hears no more of it.
  socket.removeAllListeners('data');
  socket.on('data', (chunk) => {
    left -= chunk.length;
    if (left < 0) socket.pause();
  });
  socket.resume();
  socket.end();
  setTimeout(() => socket.destroy(), lingerMs).unref();
}
