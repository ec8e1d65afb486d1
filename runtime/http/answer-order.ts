/** Order of the answers of one connection: what must be sent before the refusal of bytes that are no HTTP. Keeps answers of pipelines only. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { NodeSocket } from './node-socket.ts';

const pipeline = Symbol('last answers of a pipeline');

interface Ordered extends Readonly<Pick<NodeSocket, 'parser' | '_httpMessage'>> {
  [pipeline]?: LastAnswers | null;
}

interface LastAnswers {
  readonly last: ServerResponse;
  /** Answer to the request before the last one. */
  readonly previous: ServerResponse | null;
}

/** Notes that the answer is the next of its connection. Requests are told in the order in which they came. */
export function noteAnswer({ socket }: IncomingMessage, response: ServerResponse): void {
  const ordered = socket as Ordered;
  const { _httpMessage: current = null, [pipeline]: known } = ordered;
  if (current !== response) ordered[pipeline] = { last: response, previous: known?.last ?? current };
  else if (known) ordered[pipeline] = null;
}

/** Answer that the client gets before a refusal of what has just come; null if the refusal is next. */
export function answerBefore(socket: Duplex): ServerResponse | null {
  const { parser, _httpMessage: current = null, [pipeline]: known } = socket as Ordered;
  const { last, previous } = known ?? { last: current, previous: null };
  const incoming = parser?.incoming ?? null;
  // Bytes that break the body of the last request are refused in place of its answer, unless that has been given in full.
  const isInBody = incoming !== null && !incoming.complete;
  const before = isInBody && last?.writableEnded !== true ? previous : last;
  return before === null || before.writableFinished || before.destroyed ? null : before;
}
