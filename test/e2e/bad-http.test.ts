/** Abuse of HTTP against a whole system: every connection ends or gets an error with a body, and no other client notices. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { brokenRequests } from '../support/broken-requests.ts';
import { Client, json, readInferAnswer, simpleInputs } from '../support/requests.ts';
import { exchange, type RawAnswer, type RawExchange, type RawOptions } from '../support/raw-http.ts';
import { startSystem, type System } from '../support/system.ts';

let system: System;
let client: Client;
let pods: readonly number[];

before(async () => {
  system = await startSystem(['--models', 'simple']);
  client = new Client(system.origin);
  pods = system.podPids();
});

after(async () => {
  await client.close();
  assert.equal(await system.stop(), 0);
});

const good = JSON.stringify({ inputs: simpleInputs() });
const post = (version = '1.1') =>
  `POST /v2/models/simple/infer HTTP/${version}\r\nhost: x\r\ncontent-type: application/json\r\n`;
const whole = `${post()}content-length: ${good.length}\r\n\r\n${good}`;
const chunks = (size: number) =>
  `${(good.match(new RegExp(`.{1,${size}}`, 'g')) ?? []).map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`;
const send = (parts: string | Buffer | readonly (string | Buffer)[], options: RawOptions = {}): Promise<RawExchange> =>
  exchange(system.origin, Array.isArray(parts) ? (parts as string[]) : [parts as string], options);

function assertGood(answer: RawAnswer | undefined): void {
  assert.equal(answer?.status, 200, answer?.body);
  const { outputs } = JSON.parse(answer.body) as { outputs: { data: number[] }[] };
  assert.deepEqual(outputs[0]!.data.slice(0, 3), [1, 2, 3]);
}

function assertRefused({ answers }: RawExchange, status: number, word: string): void {
  assert.equal(answers.length, 1);
  assert.equal(answers[0]!.status, status, answers[0]!.body);
  assert.match(answers[0]!.headers['content-type'] ?? '', /^application\/json/);
  const { error } = JSON.parse(answers[0]!.body) as { error: string };
  assert.ok(error.includes(word), error);
}

for (const { name, status, says, bytes } of brokenRequests) {
  test(`refused: ${name}`, async () => assertRefused(await send(bytes), status, says));
}

test('refused: no length at all, and a terabyte announced', async () => {
  assertRefused(await send(`${post()}\r\n`), 400, 'empty');
  assertRefused(await send(`${post()}content-length: 1000000000000\r\n\r\n${good}`), 413, '1000000000000');
});

test('half a body and the end: 400, without waiting for the rest', async () => {
  assertRefused(await send(whole.slice(0, -30), { end: true }), 400, 'HTTP');
});

test('a length shorter than the body: the rest is not taken for a request', async () => {
  const { answers, closed } = await send(`${post()}content-length: 40\r\n\r\n${good}`, { answers: 3 });
  assert.ok(closed);
  for (const { status, body } of answers) {
    assert.equal(status, 400);
    assert.match(body, /^\{"error":".+"\}$/);
  }
});

test('over the limit without a length: 413 to a client that sends it all, the next request is served', async () => {
  async function* tooMuch(): AsyncGenerator<Buffer> {
    const piece = Buffer.alloc(1024 * 1024, ' ');
    for (let sent = 0; sent < 65; sent += 1) yield await Promise.resolve(piece);
  }
  const answer = await client.stream('/v2/models/simple/infer', tooMuch());
  assert.equal(answer.status, 413);
  assert.match(answer.text, /^\{"error":".*67108864.*"\}$/);
});

test('clients that leave at any point hurt nobody', async () => {
  const leave = (parts: string[]) => send(parts, { abandon: true });
  const steps = [0, 1, 20, 90, 150, whole.length - 1, whole.length];
  await Promise.all(Array.from({ length: 70 }, (_, index) => leave([whole.slice(0, steps[index % steps.length])])));
  readInferAnswer(await client.infer('simple', json(good)));
});

test('chunks of any size, and bytes one by one', async () => {
  for (const size of [1, 7, 1000]) {
    assertGood((await send(`${post()}transfer-encoding: chunked\r\n\r\n${chunks(size)}`)).answers[0]);
  }
  const slowly = whole.match(/[^]{1,4}/g)!;
  assertGood((await send([...slowly.slice(0, 60), slowly.slice(60).join('')])).answers[0]);
});

test('HTTP/1.0: answered and closed, or kept if asked', async () => {
  const body = `content-length: ${good.length}\r\n\r\n${good}`;
  const plain = await send(`${post('1.0')}${body}`, { answers: 2 });
  assertGood(plain.answers[0]);
  assert.ok(plain.closed);
  const kept = await send([`${post('1.0')}connection: keep-alive\r\n${body}`, whole], { answers: 2 });
  kept.answers.forEach(assertGood);
  assert.equal(kept.answers.length, 2);
});

test('pipelined requests are answered in their order', async () => {
  const one = (seed: number) => {
    const body = JSON.stringify({ id: String(seed), inputs: simpleInputs(seed) });
    return `${post()}content-length: ${body.length}\r\n\r\n${body}`;
  };
  const { answers } = await send(Array.from({ length: 20 }, (_, seed) => one(seed)).join(''), { answers: 20 });
  assert.deepEqual(
    answers.map(({ body }) => (JSON.parse(body) as { id: string }).id),
    Array.from({ length: 20 }, (_, seed) => String(seed)),
  );
});

test('a refused request leaves its connection fit for the next one', async () => {
  const body = 'content-length: 3\r\n\r\nabc';
  for (const first of [
    `PUT /v2/models/simple/infer HTTP/1.1\r\nhost: x\r\n${body}`,
    `POST /v2/models/nonesuch/infer HTTP/1.1\r\nhost: x\r\n${body}`,
    `POST /nowhere HTTP/1.1\r\nhost: x\r\n${body}`,
    `GET /v2 HTTP/1.1\r\nhost: x\r\n${body}`,
    `${post()}${body}`,
  ]) {
    const { answers } = await send(first + whole, { answers: 2 });
    assert.equal(answers.length, 2);
    assertGood(answers[1]);
  }
});

test('Expect: 100-continue and offers to upgrade are no obstacle', async () => {
  const length = `content-length: ${good.length}\r\n\r\n`;
  assertGood((await send([`${post()}expect: 100-continue\r\n${length}`, good])).answers[0]);
  assertGood((await send(`${post()}connection: upgrade\r\nupgrade: h2c\r\n${length}${good}`)).answers[0]);
});

test('Connection: close closes, after the answer', async () => {
  const { answers, closed } = await send(
    `${post()}connection: close\r\ncontent-length: ${good.length}\r\n\r\n${good}`,
    { answers: 2 },
  );
  assertGood(answers[0]);
  assert.ok(closed);
});

test('after all of that the same pods serve', async () => {
  assert.deepEqual(system.podPids(), pods);
  readInferAnswer(await client.infer('simple', json(good)));
});
