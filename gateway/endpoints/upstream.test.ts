/** The wire to a pod beside a gate: what it reads of large answers, and what becomes of its room. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { appendFrame } from '../../contract/envelope.ts';
import { pendingRequest } from '../testing/pending.ts';
import { AnswerGate } from './answer-gate.ts';
import type { Call } from './pod-connection.ts';
import { EnvelopeTurns } from './envelope-turns.ts';
import { Upstream } from './upstream.ts';

const mebibyte = 1024 * 1024;

function answer(response: ServerResponse, bodies: readonly Buffer[]): void {
  const out: Buffer[] = [];
  for (const [index, body] of bodies.entries()) {
    appendFrame(out, { index, status: 200, contentType: 'x/y', rows: 1, run: 0 }, [body]);
  }
  appendFrame(out, { runs: [], queuedRows: 0, inFlight: 0, draining: false }, []);
  for (const part of out) response.write(part);
  response.end();
}

async function pod(t: TestContext, bodies: readonly Buffer[]) {
  const seen: { requestBytes: Buffer[] } = { requestBytes: [] };
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => seen.requestBytes.push(chunk));
    request.on('end', () => answer(response, bodies));
  }).listen(0);
  await once(server, 'listening');
  let unreadBytes = 0;
  const state = {
    isRoomAwaited: false,
    get unreadBytes() {
      return unreadBytes;
    },
    set unreadBytes(bytes: number) {
      unreadBytes = bytes;
      if (this.isRoomAwaited) gate.onRoom();
    },
  };
  const gate = new AnswerGate({ unread: state, maxBytes: 10 * mebibyte, now: () => performance.now() });
  const turns = new EnvelopeTurns(() => performance.now());
  const upstream = new Upstream(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, null, { gate, turns });
  t.after(async () => {
    await upstream.close();
    server.close();
  });
  const send = (requests = bodies.map(() => pendingRequest({ attempts: 1 }))) => {
    const answers: Buffer[] = [];
    const ended = Promise.withResolvers<string>();
    const call: Call = upstream.sendEnvelope(requests, 0, {
      onAnswer: (_index, _head, body) => {
        answers.push(body);
        state.unreadBytes += body.length;
      },
      onEnd: () => ended.resolve('end'),
      onLost: (kind) => ended.resolve(kind),
    });
    return { call, answers, ended: ended.promise };
  };
  return { state, gate, send, seen };
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

test('large answers that have no room are not read, and come whole once clients have taken others', async (t) => {
  const bodies = Array.from({ length: 6 }, (_, index) => Buffer.alloc(4 * mebibyte, index));
  const { state, send } = await pod(t, bodies);
  const { call, answers, ended } = send();
  for (let takes = 0; takes < 4; takes += 1) {
    await until(() => answers.length === 2 + takes && call.waitsForRoom);
    assert.ok(state.unreadBytes <= 10 * mebibyte, `${state.unreadBytes} bytes are unread`);
    state.unreadBytes -= 4 * mebibyte;
  }
  assert.equal(await ended, 'end');
  assert.equal(call.waitsForRoom, false);
  assert.deepEqual(
    answers.map((body, index) => body.equals(bodies[index]!)),
    bodies.map(() => true),
  );
});

test('a large answer is read in parts, and others are served in between', async (t) => {
  const { gate, send } = await pod(t, [Buffer.alloc(8 * mebibyte, 1)]);
  let parts = 0;
  const inTurn = gate.inTurn.bind(gate);
  gate.inTurn = (goOn) => {
    parts += 1;
    inTurn(goOn);
  };
  const { answers, ended } = send();
  assert.equal(await ended, 'end');
  assert.ok(answers[0]?.equals(Buffer.alloc(8 * mebibyte, 1)));
  assert.ok(parts >= 20, `it was read in ${parts} parts`);
});

test('small answers need no room', async (t) => {
  const { state, send } = await pod(t, [Buffer.alloc(100_000, 1), Buffer.alloc(200_000, 2)]);
  state.unreadBytes = 100 * mebibyte;
  const { answers, ended } = send();
  assert.equal(await ended, 'end');
  assert.deepEqual(
    answers.map(({ length }) => length),
    [100_000, 200_000],
  );
});

test('a call that is given up while it waits, or in the middle of an answer, leaves its room to others', async (t) => {
  const bodies = [Buffer.alloc(6 * mebibyte, 1), Buffer.alloc(6 * mebibyte, 2)];
  const { state, send } = await pod(t, bodies);
  const first = send();
  await until(() => first.call.waitsForRoom);
  first.call.abort('overdue', 'by the test');
  assert.equal(await first.ended, 'overdue');
  state.unreadBytes = 0;
  const second = send();
  await until(() => second.call.waitsForRoom);
  assert.equal(second.answers.length, 1);
  state.unreadBytes = 0;
  assert.equal(await second.ended, 'end');
});

test('a large body is sent as it is, and given back where its request is settled', async (t) => {
  const { send, seen } = await pod(t, [Buffer.alloc(1), Buffer.alloc(1)]);
  const parts = (value: number): Buffer[] =>
    Array.from({ length: 128 }, () => Buffer.from(new ArrayBuffer(65_536)).fill(value));
  const [settled, retried] = [parts(1), parts(2)];
  const requests = [settled, retried].map((body) => pendingRequest({ body, bytes: 8 * mebibyte, attempts: 1 }));
  requests[0]!.state = 'settled';
  assert.equal(await send(requests).ended, 'end');
  const sent = Buffer.concat(seen.requestBytes);
  for (const value of [1, 2]) assert.ok(sent.indexOf(Buffer.alloc(8 * mebibyte, value)) > 0, `not all ${value}`);
  assert.ok(settled.filter(({ length }) => length === 0).length > 100);
  assert.ok(retried.every(({ length }) => length > 0));
});
