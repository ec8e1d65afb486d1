import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { SluiceError } from '../../contract/errors.ts';
import { readBody, type Body, type BodyRoom } from './read-body.ts';

/** Room for a number of bytes, and the most that was ever taken of it. */
class CountedRoom implements BodyRoom {
  readonly #limit: number;
  taken = 0;
  peak = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  check(announcedBytes: number): void {
    if (announcedBytes > this.#limit) throw new SluiceError('body-too-large', 'no room');
  }

  reserve(bodyBytes: number, more: number): void {
    if (bodyBytes > this.#limit) throw new SluiceError('body-too-large', 'no room');
    this.taken += more;
    this.peak = Math.max(this.peak, this.taken);
  }

  release(bytes: number): void {
    this.taken -= bytes;
  }
}

function request(length?: number) {
  const stream = new PassThrough();
  const headers = length === undefined ? {} : { 'content-length': String(length) };
  return { stream, message: Object.assign(stream, { headers }) as unknown as IncomingMessage };
}

type Outcome = [error: SluiceError | null, body: Body];

function reading(message: IncomingMessage, room: BodyRoom): Outcome[] {
  const outcomes: Outcome[] = [];
  readBody(message, room, (error, body) => outcomes.push([error, body]));
  return outcomes;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Memory that the first small chunk of a body takes: a block to gather more in. */
const block = 256;

test('an announced body takes room as it comes, and gives it back when it is whole', async () => {
  const room = new CountedRoom(10);
  const { stream, message } = request(6);
  const outcomes = reading(message, room);
  assert.equal(room.taken, 0, 'an announcement costs its client nothing');
  stream.write('abc');
  await turn();
  assert.equal(room.taken, block);
  stream.end('def');
  await turn();
  assert.equal(outcomes.length, 1);
  const [[error, { parts, bytes }]] = outcomes as [Outcome];
  assert.deepEqual([error, Buffer.concat(parts).toString(), bytes], [null, 'abcdef', 6]);
  assert.deepEqual([room.taken, room.peak], [0, block]);
});

test('a body that comes in one piece is not copied', async () => {
  const room = new CountedRoom(10);
  const { stream, message } = request(6);
  const outcomes = reading(message, room);
  const sent = Buffer.from('abcdef');
  stream.end(sent);
  await turn();
  assert.equal(outcomes[0]?.[1].parts[0], sent);
  assert.equal(room.peak, 6);
});

test('a body of unknown length takes the room that its bytes cost', async () => {
  const room = new CountedRoom(100_000);
  const { stream, message } = request();
  const outcomes = reading(message, room);
  for (const [chunk, taken] of [
    [Buffer.alloc(1), block],
    [Buffer.alloc(block - 1), block],
    [Buffer.alloc(1), 2 * block],
    [Buffer.alloc(300), 4 * block],
    [Buffer.alloc(20_000), 4 * block + 20_000],
  ] as const) {
    stream.write(chunk);
    await turn();
    assert.equal(room.taken, taken);
  }
  stream.end();
  await turn();
  assert.equal(outcomes[0]?.[1].bytes, block + 20_301);
  assert.equal(room.taken, 0);
});

test('a body in too many tiny chunks is refused', async () => {
  const room = new CountedRoom(100_000);
  const { stream, message } = request();
  const outcomes = reading(message, room);
  for (let count = 0; count < 16 * 1024; count += 1) message.emit('data', Buffer.from('x'));
  assert.equal(outcomes.length, 0);
  assert.ok(room.taken < 65_536, `${room.taken} bytes for 16384`);
  message.emit('data', Buffer.from('x'));
  const [refused] = outcomes.map(([error]) => error?.code);
  assert.deepEqual([refused, room.taken], ['invalid-request', 0]);
  stream.destroy();
  await turn();
  assert.equal(outcomes.length, 1);
});

test('a body whose chunks are cut into large and tiny pieces is taken', () => {
  const { message } = request();
  const outcomes = reading(message, new CountedRoom(100_000_000));
  const [large, tiny] = [Buffer.alloc(1024), Buffer.alloc(255)];
  for (let count = 0; count < 20_000; count += 1) {
    message.emit('data', large);
    message.emit('data', tiny);
  }
  assert.equal(outcomes.length, 0);
  message.emit('end');
  assert.equal(outcomes[0]?.[1].bytes, 20_000 * (1024 + 255));
});

test('an announced body without room is refused before a byte is read', () => {
  const room = new CountedRoom(5);
  const { message } = request(6);
  const outcomes = reading(message, room);
  assert.equal(outcomes[0]?.[0]?.code, 'body-too-large');
  assert.equal(room.taken, 0);
});

test('a body that outgrows its room is refused once, and holds nothing of what follows', async () => {
  const room = new CountedRoom(5);
  const { stream, message } = request();
  const outcomes = reading(message, room);
  for (const chunk of ['abc', 'def', 'ghi']) stream.write(chunk);
  stream.end();
  await turn();
  assert.equal(outcomes.length, 1);
  assert.equal(outcomes[0]?.[0]?.code, 'body-too-large');
  assert.deepEqual([room.taken, room.peak], [0, block]);
});

test('the memory of a body that is refused or abandoned is given back at once', async () => {
  const piece = 65_536;
  const whole = (): Buffer => Buffer.from(new ArrayBuffer(piece));
  for (const [limit, leaves] of [
    [3 * piece, false],
    [9 * piece, true],
  ] as const) {
    const { stream, message } = request();
    const outcomes = reading(message, new CountedRoom(limit));
    const sent = Array.from({ length: 4 }, whole);
    for (const chunk of sent) stream.write(chunk);
    await turn();
    assert.equal(outcomes.length, leaves ? 0 : 1);
    if (leaves) stream.destroy();
    await turn();
    const late = whole();
    if (!leaves) message.emit('data', late);
    assert.deepEqual(sent.map(({ length }) => length).slice(0, leaves ? 4 : 3), Array(leaves ? 4 : 3).fill(0));
    assert.equal(late.length, leaves ? piece : 0);
  }
});

test('a client that leaves gives its room back, and is not answered', async () => {
  for (const length of [6, undefined]) {
    const room = new CountedRoom(10);
    const { stream, message } = request(length);
    const outcomes = reading(message, room);
    stream.write('abc');
    await turn();
    assert.ok(room.taken >= 3);
    stream.destroy();
    await turn();
    assert.deepEqual([outcomes.length, room.taken], [0, 0]);
  }
});

test('room is never left taken, whatever comes', async () => {
  const chunks = fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 6 });
  const announced = fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(chunks, announced, fc.boolean(), async (sizes, length, ends) => {
      const room = new CountedRoom(20);
      const { stream, message } = request(length);
      const outcomes = reading(message, room);
      for (const size of sizes) stream.write(Buffer.alloc(size));
      await turn();
      if (ends) stream.end();
      else stream.destroy();
      await turn();
      assert.equal(room.taken, 0);
      assert.ok(room.peak <= 2 * block && outcomes.length <= 1);
    }),
    { numRuns: 200, seed: 1 },
  );
});
