/** Requests that are broken as HTTP, and the answer that every port of every process gives to each. */

export interface BrokenRequest {
  readonly name: string;
  readonly bytes: string | Buffer;
  readonly status: number;
  /** A word of the message. */
  readonly says: string;
}

function broken(name: string, status: number, says: string, bytes: string | Buffer): BrokenRequest {
  return { name, bytes, status, says };
}

const body = '{"inputs":[]}';
const post = 'POST /v2/models/simple/infer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
const tlsHello = Buffer.from('160301006c010000680303'.padEnd(220, '0'), 'hex');

export const brokenRequests: readonly BrokenRequest[] = [
  broken('garbage', 400, 'HTTP', Buffer.from([0, 1, 2, 255, 254, 13, 10, 13, 10])),
  broken('a TLS hello', 400, 'HTTP', tlsHello),
  broken('the start of HTTP/2', 400, 'HTTP', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  broken('an unknown method', 400, 'HTTP', 'BREW /v2 HTTP/1.1\r\nhost: x\r\n\r\n'),
  broken('an unknown version', 400, 'HTTP', 'GET /v2 HTTP/7.1\r\nhost: x\r\n\r\n'),
  broken('no Host', 400, "'host'", 'GET /v2 HTTP/1.1\r\n\r\n'),
  broken('a long header', 431, 'headers', `${post}x: ${'a'.repeat(20_000)}\r\n\r\n`),
  broken('many headers', 431, 'headers', `${post}${'x: a\r\n'.repeat(5_000)}\r\n`),
  broken('a long path', 431, 'headers', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`),
  broken('a header without its name', 400, 'HTTP', `${post}: a\r\n\r\n`),
  broken('a header with a zero byte', 400, 'HTTP', `${post}x: a\0b\r\n\r\n`),
  broken('a negative length', 400, 'HTTP', `${post}content-length: -5\r\n\r\n${body}`),
  broken('two lengths', 400, 'HTTP', `${post}content-length: 5\r\ncontent-length: 6\r\n\r\n${body}`),
  broken('a length beyond numbers', 400, 'HTTP', `${post}content-length: 99999999999999999999\r\n\r\n${body}`),
  broken('a length and chunks', 400, 'HTTP', `${post}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
  broken('two equal lengths', 400, 'HTTP', `${post}content-length: 13\r\ncontent-length: 13\r\n\r\n${body}`),
  broken('an unknown transfer encoding', 400, "'transfer-encoding'", `${post}transfer-encoding: none\r\n\r\n${body}`),
  broken(
    'two transfer encodings',
    400,
    "'transfer-encoding'",
    `${post}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  ),
  broken(
    'chunks in HTTP/1.0',
    400,
    "'transfer-encoding'",
    `${post.replace('/1.1', '/1.0')}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  broken('two names of the host', 400, "'host'", `${post}host: y\r\ncontent-length: 0\r\n\r\n`),
  broken('a folded header', 400, 'HTTP', `${post}x: a\r\n b\r\n\r\n`),
  broken('a folded transfer encoding', 400, 'HTTP', `${post}transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n`),
  broken('a space before the colon', 400, 'HTTP', `${post}content-length : 0\r\n\r\n`),
  broken('lines that end with LF alone', 400, 'HTTP', 'GET /v2 HTTP/1.1\nhost: x\n\n'),
  broken('a length with a sign', 400, 'HTTP', `${post}content-length: +13\r\n\r\n${body}`),
  broken('HTTP/0.9', 400, 'HTTP', 'GET /v2\r\n\r\n'),
  broken(
    'a chunk size that ends with LF alone',
    400,
    'HTTP',
    `${post}transfer-encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n`,
  ),
  broken('a chunk size that is no number', 400, 'HTTP', `${post}transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n`),
  broken('an expectation', 417, 'something', `${post}expect: something\r\ncontent-length: 5\r\n\r\n`),
  broken('CONNECT', 405, 'CONNECT', 'CONNECT example:443 HTTP/1.1\r\nhost: x\r\n\r\n'),
];

/** A head that never ends: refused once the time for a head is over. */
export const unendingHead = broken('a head that never ends', 408, 'in time', `${post}x: a`);
