/** Crowds: which requests wait, in which order, and that a real crowd is served in many turns of the loop. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { countTurns } from '../testing/loop-turns.ts';
import { Clients } from './clients.ts';
import { connectionOf } from './connection.ts';
import { Crowds } from './crowds.ts';
import { protocolErrors } from './errors.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('the first requests of a client are served at once, and all where nobody else is served', () => {
  const clients = new Clients();
  const crowds = new Crowds({ clients, turnMs: 0, now: () => 0 });
  const client = clients.enter('10.0.0.1');
  let served = 0;
  clients.ask(client);
  for (let request = 0; request < 100; request += 1) crowds.serve(client, () => (served += 1) > 0);
  assert.equal(served, 100);
});

test('the others wait for turns while another client is served, in the order in which they came', async () => {
  const clients = new Clients();
  const crowds = new Crowds({ clients, turnMs: 0, now: () => 0 });
  const [crowd, other] = [clients.enter('10.0.0.1'), clients.enter('10.0.0.2')];
  for (const client of [crowd, other]) clients.ask(client);
  const served: number[] = [];
  for (let request = 0; request < 20; request += 1) crowds.serve(crowd, () => served.push(request) > 0);
  assert.equal(served.length, 8);
  crowds.serve(other, () => served.push(100) > 0);
  assert.equal(served.at(-1), 100, 'the other client doesn’t wait');
  await nextTurn();
  // A turn has passed, but what came before is still in line.
  crowds.serve(crowd, () => served.push(20) > 0);
  for (let turn = 0; turn < 100; turn += 1) await nextTurn();
  assert.deepEqual(
    served.filter((request) => request !== 100),
    Array.from({ length: 21 }, (_, request) => request),
  );
});

test('a client that has cut many connections short waits with each request, and its line rests', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const pass = (ms: number): void => {
    nowMs += ms;
    t.mock.timers.tick(ms);
  };
  const clients = new Clients();
  const crowds = new Crowds({ clients, turnMs: 0, now: () => nowMs });
  const [client, other] = [clients.enter('10.0.0.1'), clients.enter('10.0.0.2')];
  clients.ask(other);
  client.cutShort = 33;
  let served = 0;
  for (let request = 0; request < 3; request += 1) crowds.serve(client, () => (served += 1) > 0);
  assert.equal(served, 0);
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
  assert.equal(served, 1, 'the second one waits until the line has rested');
  pass(2);
  assert.equal(served, 2);
  pass(2);
  assert.equal(served, 3);
  // Requests whose client has left take no time: the line doesn't rest after them.
  pass(2);
  let left = 0;
  for (let request = 0; request < 10; request += 1) crowds.serve(client, () => (left += 1) < 0);
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
  assert.equal(left, 10);
});

const goodAddress = '127.0.0.1';
const crowdAddress = '127.0.0.2';
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

interface Crowd {
  readonly clients: readonly Socket[];
  /** Turns of the loop in which its requests were served. */
  readonly turns: readonly number[];
}

/** Connects a crowd to a server that serves a good client, which calls `onServed` with its ends of the crowd's connections. */
async function connectCrowd(t: TestContext, onServed: (sockets: readonly Socket[]) => void): Promise<Crowd> {
  // No look at who asks for something comes in between, however long 100 connections take: the good client stays one.
  const limits = { readTurnMs: 0, watchMs: 60_000 };
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all', limits });
  t.after(() => app.close());
  const turn = countTurns(t);
  const turns: number[] = [];
  const accepted: Socket[] = [];
  app.server.on('connection', (socket) => socket.remoteAddress === crowdAddress && accepted.push(socket));
  route(app, '/good', {
    right: 'predict',
    GET: (request) => {
      connectionOf(request.raw)!.openRequest();
      return '';
    },
  });
  route(app, '/crowd', {
    right: 'predict',
    GET: () => {
      turns.push(turn());
      onServed(accepted);
      return '';
    },
  });
  await app.listen({ host: goodAddress, port: 0 });
  const { port } = app.server.address() as { port: number };
  const open = (localAddress: string): Socket => {
    const socket = connect({ port, host: goodAddress, localAddress }).resume();
    t.after(() => socket.destroy());
    return socket.on('error', () => undefined);
  };
  const good = open(goodAddress);
  good.write(get('/good'));
  await once(good, 'data');
  const clients = Array.from({ length: 100 }, () => open(crowdAddress));
  // A server accepts one connection in a turn.
  while (accepted.length < clients.length) await nextTurn();
  return { clients, turns };
}

test('requests that all connections of one client bring at once are served in many turns of the loop', async (t) => {
  const { clients, turns } = await connectCrowd(t, () => undefined);
  for (const client of clients) client.write(get('/crowd'));
  await Promise.all(clients.map((client) => once(client, 'data')));
  assert.equal(turns.length, 100);
  const most = Math.max(...turns.map((turn) => turns.filter((other) => other === turn).length));
  assert.ok(most <= 9, `${most} requests of one client were served in one turn`);
});

test('requests whose clients leave while they wait are not served', async (t) => {
  // By then the others have been read, and wait.
  const end = (sockets: readonly Socket[]): unknown =>
    setImmediate(() => sockets.forEach((socket) => socket.destroy()));
  const { clients, turns } = await connectCrowd(t, end);
  for (const client of clients) client.write(get('/crowd'));
  // Some ends are resets, by which `once` would fail.
  await Promise.all(clients.map((client) => new Promise((resolve) => client.once('close', resolve))));
  // A turn serves one of those that wait.
  for (let turn = 0; turn < 200; turn += 1) await nextTurn();
  assert.ok(turns.length >= 8 && turns.length <= 10, `${turns.length} requests were served`);
});
