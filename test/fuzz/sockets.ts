/** Bytes that no HTTP client sends: broken heads and chunks, pieces at odd places, several requests at once, and resets at any moment. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from '../support/requests.ts';
import { brokenRequests } from '../support/broken-requests.ts';
import { simpleInputs } from '../support/requests.ts';
import { Languages, wrongAnswer } from './answers.ts';
import type { Chance } from './chance.ts';
import { ports, type Port, type SocketInput } from './input.ts';
import { AnswerParser, requestBytes } from './pipeline.ts';
import { explanationOf, wrongError } from './verdict.ts';

const path = '/v2/models/simple/infer';
const body = Buffer.from(JSON.stringify({ inputs: simpleInputs(7) }));
const type = { 'content-type': 'application/json' };
const good = requestBytes(path, type, body);

/** Targets that change nothing. */
const targets = [
  '/v2',
  '/v2/health/live',
  '/v2/health/ready',
  '/v1/models',
  '/v2/models/simple',
  '/metrics',
  '/nowhere',
  '*',
  'http://x/v2',
  '//',
  '/%',
  '/v2/models/%ff',
  `/${'a'.repeat(3000)}`,
];
const methods = ['GET', 'OPTIONS', 'PUT', 'PATCH', 'TRACE', 'BREW', 'get', 'CONNECT', 'QUERY', 'PRI'];
const fields = [
  'host: other',
  'content-length: 5',
  'content-length: 99999999999999999999',
  'content-length: -1',
  'content-length: 1, 1',
  'content-length: +5',
  'transfer-encoding: chunked',
  'transfer-encoding: gzip, chunked',
  'transfer-encoding: chunked, chunked',
  'transfer-encoding: identity',
  'Transfer-Encoding : chunked',
  'expect: 100-continue',
  'expect: 200-ok',
  'connection: close',
  'connection: upgrade\r\nupgrade: h2c',
  'upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x',
  'x: y\r\n folded',
  'x: \0',
  'x:',
  ': x',
  'x',
  'x y: z',
  '\x80: x',
  `x: ${'y'.repeat(9000)}`,
  'x: y\nz: w',
  'x: y\rz',
  'content-type: foo',
  'accept-encoding: gzip',
  'trailer: x',
  'te: trailers',
  'keep-alive: timeout=1',
  'origin: http://evil.example',
  'host:',
  'x-forwarded-for: 1.2.3.4',
];

export function socketInput(chance: Chance, valid: boolean): SocketInput {
  const port = valid ? 'client' : chance.pick<Port>(['client', 'client', 'client', ...ports]);
  if (valid) {
    // A client that half-closes before its answer is given up: no valid input does.
    const request = chance.oneIn(2) ? good : chunked(chance, true);
    return { kind: 'sockets', port, pieces: split(chance, request), ending: 'answer', valid };
  }
  const parts = Array.from({ length: chance.between(1, 3) }, () => part(chance));
  let bytes = Buffer.concat(parts);
  if (chance.oneIn(2)) bytes = bytes.subarray(0, chance.int(bytes.length + 1));
  if (chance.oneIn(6)) bytes = Buffer.concat([bytes, chance.bytes(chance.int(200))]);
  const ending = chance.pick(['answer', 'end', 'end', 'reset', 'reset', 'reset'] as const);
  return { kind: 'sockets', port, pieces: split(chance, bytes), ending, valid };
}

function part(chance: Chance): Buffer {
  switch (chance.int(7)) {
    case 0:
      return good;
    case 1:
      return chunked(chance, chance.oneIn(2));
    case 2:
      return Buffer.from(
        `${chance.pick(methods)} ${chance.pick(targets)} HTTP/1.${chance.int(2)}\r\nhost: x\r\n\r\n`,
        'latin1',
      );
    case 3: {
      const { bytes } = chance.pick(brokenRequests);
      return typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    }
    case 4:
      return Buffer.from(
        chance.pick([
          'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
          '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
          '\r\n\r\n',
          'GET\r\n\r\n',
          'GET / HTTP/9.9\r\n\r\n',
          'GET /v2 HTTP/1.1\r\n\r\n',
          'SSH-2.0-x\r\n',
        ]),
        'latin1',
      );
    default:
      return withOtherHead(chance);
  }
}

/** The good request with fields that are not its own, or with a changed byte in its head. */
function withOtherHead(chance: Chance): Buffer {
  const lines = [`host: x`, `content-type: application/json`, `content-length: ${body.length}`];
  for (let left = chance.between(1, 2); left > 0; left -= 1) {
    const at = chance.int(lines.length + 1);
    lines.splice(at, chance.oneIn(3) ? 1 : 0, chance.pick(fields));
  }
  const start = chance.oneIn(6) ? `${chance.pick(methods)} ${chance.pick(targets)} HTTP/1.1` : `POST ${path} HTTP/1.1`;
  const head = Buffer.from(`${start}\r\n${lines.join(chance.oneIn(8) ? '\n' : '\r\n')}\r\n\r\n`, 'latin1');
  if (chance.oneIn(4)) head[chance.int(head.length)] = chance.int(256);
  return Buffer.concat([head, body]);
}

function chunked(chance: Chance, valid: boolean): Buffer {
  const parts = [
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
    ),
  ];
  for (let at = 0; at < body.length;) {
    const size = Math.min(body.length - at, chance.oneIn(3) ? chance.between(1, 4) : chance.between(5, 200));
    const written =
      valid || !chance.oneIn(10)
        ? size.toString(16)
        : chance.pick(['', 'g', '-1', 'ffffffffffffffff', '0x5', `${size}`, ' 5', '5 ']);
    const extension = chance.oneIn(8) ? chance.pick([';x', ';x=y', ';x="y z"']) : '';
    const end = valid || !chance.oneIn(20) ? '\r\n' : chance.pick(['\n', '', 'xx', '\r\r\n']);
    parts.push(Buffer.from(`${written}${extension}\r\n`), body.subarray(at, at + size), Buffer.from(end));
    at += size;
  }
  parts.push(Buffer.from(chance.pick(['0\r\n\r\n', '0\r\n\r\n', '000\r\n\r\n', '0\r\nx: y\r\n\r\n'])));
  return Buffer.concat(parts);
}

function split(chance: Chance, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const count = chance.oneIn(2) ? 1 : chance.between(2, 5);
  let at = 0;
  for (let left = count; left > 1; left -= 1) {
    const next = at + chance.int(bytes.length - at + 1);
    pieces.push(bytes.subarray(at, next));
    at = next;
  }
  return [...pieces, bytes.subarray(at)];
}

export interface SocketOutcome {
  /** Bytes that came, whatever they are. */
  readonly received: Buffer;
  readonly answers: readonly Answer[];
  /** Error of a parser of answers. */
  readonly error: string | null;
}

/** Time for an answer that must come, and the patience where none may come. */
const answerLimitMs = 30_000;
const brokenLimitMs = 60;

/** @param isAnswered whether an answer must come, however broken the input is */
export function runSocket(
  { origin, localAddress, isAnswered }: { origin: string; localAddress: string; isAnswered: boolean },
  { pieces, ending }: SocketInput,
): Promise<SocketOutcome> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), localAddress, allowHalfOpen: true, noDelay: true });
    const parser = new AnswerParser();
    const received: Buffer[] = [];
    const answers: Answer[] = [];
    let error: string | null = null;
    let timer: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ received: Buffer.concat(received), answers, error });
    };
    socket.on('error', () => undefined);
    socket.on('close', finish);
    socket.on('end', finish);
    socket.on('data', (chunk) => {
      received.push(chunk);
      if (error !== null) return;
      try {
        answers.push(...parser.push(chunk));
      } catch (cause) {
        error = (cause as Error).message;
      }
      if (answers.length > 0 && ending === 'answer') finish();
    });
    socket.on('connect', () => {
      timer = setTimeout(finish, isAnswered ? answerLimitMs : brokenLimitMs);
      void write();
    });
    const write = async (): Promise<void> => {
      for (const piece of pieces) {
        if (socket.destroyed) return;
        socket.write(piece);
        if (pieces.length > 1) await delay(0);
      }
      if (ending === 'end') socket.end();
      if (ending === 'reset') socket.resetAndDestroy();
    };
  });
}

// 401: routes of gateways, scalers and operators.
const refusals = [400, 401, 403, 404, 405, 408, 413, 415, 417, 431];

/** @returns what is wrong; null if nothing is */
export function wrongOutcome(input: SocketInput, { answers, error, received }: SocketOutcome): string | null {
  if (error !== null) return error;
  if (input.valid) {
    const answer = answers[0];
    if (answer === undefined)
      return `no answer to a good request; received ${JSON.stringify(received.toString('latin1').slice(0, 200))}`;
    if (answer.status !== 200 && explanationOf(answer) === null)
      return `a good request was answered ${answer.status}: ${answer.text.slice(0, 200)}`;
  }
  for (const answer of answers) {
    const wrong = wrongStatus(answer);
    if (wrong !== null) return wrong;
  }
  return null;
}

function wrongStatus(answer: Answer): string | null {
  // Answers to HEAD have no body, and heads may have become anything.
  if (answer.status === 200)
    return answer.text.includes('"outputs"') && answer.text.includes('"simple"') ? wrongSum(answer) : null;
  if (answer.status === 204 || explanationOf(answer) !== null) return null;
  if (!refusals.includes(answer.status)) return `answered ${answer.status}: ${answer.text.slice(0, 200)}`;
  return answer.body.length === 0 ? null : wrongError(answer);
}

function wrongSum(answer: Answer): string | null {
  if (!answer.text.startsWith('{"model_name"')) return null;
  return wrongAnswer(
    { path, body, contentEncoding: undefined, inferenceHeaderLength: undefined },
    answer,
    new Languages(),
  );
}
