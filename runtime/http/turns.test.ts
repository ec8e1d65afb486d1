/** Turns of work that comes in masses: order, time, and that thousands of late requests are refused in many turns of the loop. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { countTurns } from '../testing/loop-turns.ts';
import { protocolErrors } from './errors.ts';
import { readBody } from './read-body.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';
import { Turns } from './turns.ts';

test('tasks are done in their order, as many in a turn as its time allows', async () => {
  let nowMs = 0;
  const turns = new Turns({ turnMs: 2, now: () => nowMs, servesOthersThan: () => false });
  const holder = { massMs: 0 };
  const done: number[] = [];
  for (let task = 0; task < 5; task += 1) {
    const turn = (): number => {
      done.push(task);
      nowMs += 1;
      return 0;
    };
    turns.enqueue({ turn }, holder);
  }
  assert.deepEqual(done, []);
  const seen: number[][] = [];
  while (done.length < 5) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push([...done]);
  }
  assert.deepEqual(seen, [
    [0, 1],
    [0, 1, 2, 3],
    [0, 1, 2, 3, 4],
  ]);
});

test('clients take turns, however many tasks one of them has', async () => {
  const turns = new Turns({ turnMs: 0, now: () => 0, servesOthersThan: () => false });
  const done: string[] = [];
  const [greedy, other] = [{ massMs: 0 }, { massMs: 0 }];
  for (const name of ['greedy 1', 'greedy 2', 'greedy 3']) turns.enqueue({ turn: () => done.push(name) }, greedy);
  for (const name of ['other 1', 'other 2']) turns.enqueue({ turn: () => done.push(name) }, other);
  while (done.length < 5) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(done, ['greedy 1', 'other 1', 'greedy 2', 'other 2', 'greedy 3']);
});

test('masses rest while others are served, for twice the time that they took and set going', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  let serves = true;
  const turns = new Turns({ turnMs: 1, now: () => nowMs, servesOthersThan: () => serves });
  const holder = { massMs: 0 };
  let done = 0;
  const turn = (): number => {
    done += 1;
    nowMs += 2;
    return 3;
  };
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    t.mock.timers.tick(ms);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  turns.enqueue({ turn }, holder);
  await pass(0);
  assert.deepEqual([done, holder.massMs], [1, 5]);
  turns.enqueue({ turn }, holder);
  await pass(9);
  assert.equal(done, 1, 'what comes after a turn rests as well');
  serves = false;
  await pass(1);
  assert.equal(done, 2);
  turns.enqueue({ turn }, holder);
  await pass(0);
  assert.equal(done, 3, 'nobody else is served');
});

/** Turns of the loop in which the server ended connections whose clients began a request by `bytes`. */
async function turnsOfEnds(t: TestContext, bytes: string, readTurnMs = 0): Promise<number> {
  const limits = { readTurnMs, headTimeoutMs: 100, bodyWindowMs: 100, timeoutCheckMs: 50, watchMs: 50 };
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all', limits });
  t.after(() => app.close());
  const ends = new Set<number>();
  const turn = countTurns(t);
  const room = { check: () => undefined, reserve: () => undefined, release: () => undefined };
  route(app, '/x', {
    right: 'predict',
    POST: (request, reply) => {
      reply.hijack();
      reply.raw.on('finish', () => ends.add(turn()));
      readBody(request.raw, room, (error) => void reply.raw.writeHead(error?.status ?? 200).end());
    },
  });
  app.server.on('connection', (socket) => socket.on('finish', () => ends.add(turn())));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as { port: number };
  const clients = Array.from({ length: 80 }, () => connect({ port, host: '127.0.0.1' }).resume());
  await Promise.all(clients.map((client) => once(client, 'connect')));
  for (const client of clients) client.write(bytes);
  await Promise.all(clients.map((client) => once(client, 'close')));
  return ends.size;
}

const lateHead = 'POST /x HTTP/1.1\r\nhost: x\r\n';

test('heads that are late together are refused one after the other', async (t) => {
  const turns = await turnsOfEnds(t, lateHead);
  assert.ok(turns >= 20, `80 connections were ended in ${turns} turns`);
});

const slowBody = 'POST /x HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n';

test('bodies that are slow together are refused one after the other', async (t) => {
  const turns = await turnsOfEnds(t, slowBody);
  assert.ok(turns >= 20, `80 connections were ended in ${turns} turns`);
});

test('refusals count with the answers that they set going', async (t) => {
  for (const bytes of [lateHead, slowBody]) {
    const turns = await turnsOfEnds(t, bytes, 1);
    assert.ok(turns >= 8, `80 connections were ended in ${turns} turns`);
  }
});
