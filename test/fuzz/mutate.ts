/** Faults that strangers' requests have: changed, lost, doubled and misplaced bytes, other numbers, other headers and paths. */
import type { Chance } from './chance.ts';
import type { RequestInput } from './input.ts';

/** Tokens with a meaning in the protocols, for the wrong place. */
const words = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '-',
  'null',
  'true',
  '1e999',
  '\\u0000',
  '\\',
  '[[[[',
  '99999999999999999999',
  '"shape":[0,0]',
  '"data":[]',
  '"parameters":{"binary_data_size":4294967296}',
  '\0',
  '\xff',
  '{"b64":"="}',
  '"\\ud800"',
  '['.repeat(120),
  '"name":"INPUT0",',
  '\ufeff',
  'NaN',
  '0x10',
  '.5',
  '1.',
  '+1',
  '/*',
  ' ',
  '\u00a0',
];
const numbers = [
  '0',
  '-1',
  '1.5',
  '4294967296',
  '9223372036854775808',
  '-9223372036854775809',
  '1e3',
  '1e-400',
  '0'.repeat(30),
  '""',
  '2147483648',
  '1e400',
];

/** Bytes with a meaning in JSON. */
const signs = Buffer.from('[]{}",:\\0123456789.-+eEtfn u');

/** A body with one fault in it. */
export function mutateBody(chance: Chance, body: Buffer): Buffer {
  const at = chance.int(body.length + 1);
  const splice = (removed: number, added: Buffer): Buffer =>
    Buffer.concat([body.subarray(0, at), added, body.subarray(Math.min(body.length, at + removed))]);
  switch (chance.int(8)) {
    case 0:
      return splice(1, Buffer.of(chance.int(256)));
    case 1:
      return body.subarray(0, at);
    case 2:
      return splice(chance.between(1, 40), Buffer.alloc(0));
    case 3:
      return splice(0, body.subarray(at, at + chance.between(1, 60)));
    case 4:
      return splice(0, Buffer.from(chance.pick(words), 'latin1'));
    case 5:
      return splice(4, chance.bytes(4));
    case 6:
      return splice(1, Buffer.of(signs[chance.int(signs.length)]!));
    default:
      return otherNumber(chance, body);
  }
}

function otherNumber(chance: Chance, body: Buffer): Buffer {
  const text = body.toString('latin1');
  const found = [...text.matchAll(/-?\d+/g)];
  if (found.length === 0) return body;
  const number = chance.pick(found);
  const after = number.index + number[0].length;
  return Buffer.from(text.slice(0, number.index) + chance.pick(numbers) + text.slice(after), 'latin1');
}

const otherHeaders: readonly (readonly [string, readonly string[]])[] = [
  [
    'content-type',
    [
      'application/octet-stream',
      'application/json',
      'text/html',
      '',
      ';',
      'application/json; charset=x',
      'multipart/form-data',
    ],
  ],
  ['content-encoding', ['gzip', 'deflate', 'identity', 'br', '', 'gzip, gzip']],
  ['inference-header-content-length', ['0', '1', '17', '600', '', '-1', '1e3', '99999999999', ' 12 ', '0x10']],
  ['sluice-timeout-ms', ['20000', '0', 'x', '-1', '1e3', '99999999999999999999']],
  ['sluice-priority', ['1', '9', '10', '', '5.0']],
  ['traceparent', ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x', '']],
  ['x-request-id', ['a', 'x'.repeat(300), '"<>&']],
  ['accept', ['text/plain', '*/*;q=0']],
];
const otherPaths = [
  '/v2/models/simple/infer/',
  '/v2/models/none/infer',
  '/v2/models//infer',
  '/v2/models/%00/infer',
  '/v2/models/%ff/infer',
  '/v2/models/simple/versions/9/infer',
  '/v1/models/simple:classify',
  '/v2/models/../simple/infer',
  '/v2/models/simple/infer?x=1',
];

/** The request with one to three faults. Most are in its body. */
export function mutate(chance: Chance, request: RequestInput): RequestInput {
  let { body, headers, path } = request;
  for (let left = chance.between(1, 3); left > 0; left -= 1) {
    if (chance.oneIn(12)) {
      const [name, values] = chance.pick(otherHeaders);
      headers = { ...headers, [name]: chance.pick(values) };
    } else if (chance.oneIn(60)) {
      path = chance.pick(otherPaths);
    } else {
      body = mutateBody(chance, body);
    }
  }
  return { ...request, body, headers, path, valid: false };
}
