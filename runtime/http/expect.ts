/** Expect: 100-continue. A client waits with its body, and is told to go on only once its head was found good. */
import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** The client of this request waits with its body. */
export function holdBody(request: IncomingMessage, response: ServerResponse): void {
  waiting.set(request, response);
}

/** Lets the client send its body: somebody is about to read it. */
export function letBodyCome(request: IncomingMessage): void {
  if (request.headers.expect === undefined) return;
  const response = waiting.get(request);
  if (response === undefined) return;
  waiting.delete(request);
  if (response.socket !== null) return response.writeContinue();
  // A response that waits for its turn keeps what it is given, and Node puts the head of its answer before that: `100 Continue`
  // would lie between head and body.
  response.once('socket', () => {
    if (!response.headersSent) response.writeContinue();
  });
}
