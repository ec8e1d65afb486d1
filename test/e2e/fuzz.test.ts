/** Valid requests with something broken in them, by chance: each gets 200 or an error of its own, and no pod is hurt. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { typesEcho } from '../../models/author/fixtures.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import {
  binary,
  binaryTensor,
  bytesElements,
  Client,
  json,
  readInferAnswer,
  simpleInputs,
  typesRequest,
  type Payload,
} from '../support/requests.ts';
import { startSystem, type System } from '../support/system.ts';
import { longForm } from '../support/long-form.ts';

let repository: Repository;
let system: System;
let client: Client;
let pods: readonly number[];

before(async () => {
  repository = await makeRepository({ zoo: ['simple', 'langid'], files: { types: typesEcho() } });
  system = await startSystem(['--repository', repository.directory]);
  client = new Client(system.origin);
  pods = system.podPids();
});

after(async () => {
  await client.close();
  assert.equal(await system.stop(), 0);
  await repository.remove();
});

const simple = json({ id: 'a', parameters: { priority: 1 }, inputs: simpleInputs() });
const numbers = Buffer.from(Int32Array.from({ length: 16 }, (_, index) => index).buffer);
const texts = bytesElements('Guten Morgen', 'Добрый день');
const head = {
  parameters: { binary_data_output: true },
  inputs: [binaryTensor('INPUT0', 'INT32', [1, 16], numbers), simpleInputs()[1]],
  outputs: [{ name: 'OUTPUT0', parameters: { binary_data: false } }, { name: 'OUTPUT1' }],
};
const encoded = (coding: string, bytes: Buffer): Payload => ({
  body: bytes,
  headers: { ...simple.headers, 'content-encoding': coding },
});

/** Each is answered 200 as it stands. */
const valid: readonly (readonly [string, Payload])[] = [
  ['/v2/models/simple/infer', simple],
  ['/v2/models/simple/infer', binary(head, numbers)],
  ['/v2/models/simple/infer', encoded('gzip', gzipSync(simple.body))],
  ['/v2/models/simple/infer', encoded('deflate', deflateSync(simple.body))],
  [
    '/v2/models/types/infer',
    json(typesRequest({ INT64: '[9007199254740993,-1]', BYTES: '["a","\\u00e4\\n"]', FP16: '[1.5e-3,65504]' })),
  ],
  ['/v2/models/langid/infer', binary({ inputs: [binaryTensor('text', 'BYTES', [2], texts)] }, texts)],
  [
    '/v2/models/langid/infer',
    {
      body: 'Bonjour tout le monde',
      headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' },
    },
  ],
  ['/v1/models/langid:predict', json({ instances: ['Bonjour', { b64: 'Qm9uam91cg==' }] })],
  [
    '/v1/models/simple:predict',
    json({ inputs: Object.fromEntries(simpleInputs().map(({ name, data }) => [name, [data]])) }),
  ],
];

type Change = (body: Buffer) => Buffer;
const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (body: Buffer, where: number) => Math.floor(where * body.length);
const change: fc.Arbitrary<Change> = fc.oneof(
  // One changed byte.
  fc.tuple(place, fc.nat(255)).map(([where, byte]): Change => (body) => {
    const changed = Buffer.from(body);
    if (changed.length > 0) changed[Math.min(changed.length - 1, at(body, where))] = byte;
    return changed;
  }),
  // A body that is cut off.
  place.map(
    (where): Change =>
      (body) =>
        body.subarray(0, at(body, where)),
  ),
  // A piece lost.
  fc.tuple(place, fc.nat(40)).map(
    ([where, length]): Change =>
      (body) =>
        Buffer.concat([body.subarray(0, at(body, where)), body.subarray(at(body, where) + length)]),
  ),
  // A piece twice.
  fc.tuple(place, fc.nat(60)).map(
    ([where, length]): Change =>
      (body) =>
        Buffer.concat([body.subarray(0, at(body, where) + length), body.subarray(at(body, where))]),
  ),
  // A token with a meaning in the protocol, in the wrong place.
  fc
    .tuple(
      place,
      fc.constantFrom(
        '"',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '-',
        'null',
        '1e999',
        '\\u0000',
        '\\',
        '[[[[',
        '99999999999999999999',
        '"shape":[0,0]',
        '\0',
        '\xff',
      ),
    )
    .map(
      ([where, word]): Change =>
        (body) =>
          Buffer.concat([
            body.subarray(0, at(body, where)),
            Buffer.from(word, 'latin1'),
            body.subarray(at(body, where)),
          ]),
    ),
  // A number replaced by another.
  fc
    .tuple(place, fc.constantFrom('0', '-1', '1.5', '4294967296', '9223372036854775808', '1e3', '""'))
    .map(([where, word]): Change => (body) => {
      const text = body.toString('latin1');
      const found = [...text.matchAll(/-?\d+/g)];
      const number = found[Math.min(found.length - 1, Math.floor(where * found.length))];
      if (number === undefined) return body;
      return Buffer.from(text.slice(0, number.index) + word + text.slice(number.index + number[0].length), 'latin1');
    }),
);
const otherHeaders = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.record({
        'content-type': fc.constantFrom('application/octet-stream', 'application/json', 'text/html', '', ';'),
      }),
      fc.record({ 'content-encoding': fc.constantFrom('gzip', 'deflate', 'identity', 'br', '') }),
      fc.record({
        'inference-header-content-length': fc.oneof(
          fc.nat(600).map(String),
          fc.constantFrom('', '-1', '1e3', '99999999999'),
        ),
      }),
      fc.record({
        'sluice-timeout-ms': fc.constantFrom('5000', '0', 'x'),
        'sluice-priority': fc.constantFrom('1', '9', '10'),
      }),
    ),
  },
);

test('the requests are valid before they are changed', async () => {
  for (const [path, payload] of valid) {
    const answer = await client.send('POST', path, payload);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
  }
});

test('500 changed requests: 200, or an error below 500 with its reason', async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...valid),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      otherHeaders,
      async ([path, payload], changes, others) => {
        const body = changes.reduce<Buffer>((changed, next) => next(changed), Buffer.from(payload.body));
        const answer = await client.send('POST', path, { body, headers: { ...payload.headers, ...others } });
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        if (answer.status === 200) return;
        assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}: ${answer.text}`);
        const { error, ...more } = JSON.parse(answer.text) as { error: string };
        assert.ok(error.length > 10 && error.length < 1000 && Object.keys(more).length === 0, answer.text);
      },
    ),
    { numRuns: longForm ? 20_000 : 500 },
  );
  assert.ok((statuses.get(400) ?? 0) > 200, `it was hardly bad input: ${JSON.stringify([...statuses])}`);
});

test('after all of that the same pods serve, and none was taken for dead', async () => {
  assert.deepEqual(system.podPids(), pods);
  const metrics = await system.metrics();
  assert.equal(metrics.value('sluice_request_retries_total'), 0);
  assert.equal(metrics.value('sluice_request_duration_seconds_count', { outcome: 'failed' }), 0);
  for (const [path, payload] of valid) {
    const answer = await client.send('POST', path, payload);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    if (path === '/v2/models/simple/infer') assert.equal(readInferAnswer(answer).outputs.length, 2);
  }
});
