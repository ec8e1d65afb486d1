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

  reserve(_reserved: number, more: number): void {
    if (this.taken + more > this.#limit) throw new SluiceError('body-too-large', 'no room');
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

test('an announced body is reserved at once, and given back when it is whole', async () => {
  const room = new CountedRoom(10);
  const { stream, message } = request(6);
  const outcomes = reading(message, room);
  assert.equal(room.taken, 6);
  stream.write('abc');
  stream.end('def');
  await turn();
  assert.equal(outcomes.length, 1);
  const [[error, { parts, bytes }]] = outcomes as [Outcome];
  assert.deepEqual([error, Buffer.concat(parts).toString(), bytes], [null, 'abcdef', 6]);
  assert.deepEqual([room.taken, room.peak], [0, 6]);
});

test('a body of unknown length is reserved chunk by chunk', async () => {
  const room = new CountedRoom(10);
  const { stream, message } = request();
  const outcomes = reading(message, room);
  for (const [chunk, taken] of [
    ['a', 1],
    ['bc', 3],
    ['de', 5],
  ] as const) {
    stream.write(chunk);
    await turn();
    assert.equal(room.taken, taken);
  }
  stream.end();
  await turn();
  assert.equal(outcomes[0]?.[1].bytes, 5);
  assert.equal(room.taken, 0);
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
  assert.deepEqual([room.taken, room.peak], [0, 3]);
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
      assert.ok(room.peak <= 20 && outcomes.length <= 1);
    }),
    { numRuns: 200, seed: 1 },
  );
});
