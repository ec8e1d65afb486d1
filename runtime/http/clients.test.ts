import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clients } from './clients.ts';

test('addresses of one client share an account, and one that nobody uses is forgotten', () => {
  const clients = new Clients();
  const account = clients.enter('10.0.0.1');
  assert.equal(clients.enter('::ffff:10.0.0.1'), account);
  assert.notEqual(clients.enter('10.0.0.2'), account);
  assert.equal(clients.enter('2001:db8:0:1::5'), clients.enter('2001:db8::1:ff:ff:ff:ff'));
  assert.notEqual(clients.enter('2001:db8:0:1::5'), clients.enter('2001:db8:0:2::5'));
  assert.equal(clients.enter('::1').key, '0:0:0:0');
  assert.equal(clients.size, 5);
  clients.leave(account);
  assert.equal(clients.enter('10.0.0.1'), account);
  clients.leave(account);
  clients.leave(account);
  clients.look();
  assert.equal(clients.size, 4);
});

test('what the connections of a client did outlives them, until nothing has happened between two looks', () => {
  const clients = new Clients();
  for (let connection = 0; connection < 40; connection += 1) {
    const account = clients.enter('10.0.0.1');
    account.cutShort += 1;
    clients.leave(account);
  }
  for (const cutsShort of [true, true, false]) {
    const account = clients.enter('10.0.0.1');
    assert.equal(clients.cutsShort(account), cutsShort);
    clients.leave(account);
    clients.look();
  }
  assert.equal(clients.size, 0);
});

test('the client behind proxies is the last hop that is none of them', () => {
  const clients = new Clients(['10.0.0.0/8', '192.168.1.1', 'fd00::/8']);
  for (const [peer, forwardedFor, client] of [
    ['10.0.0.1', undefined, '10.0.0.1'],
    ['10.0.0.1', '203.0.113.7', '203.0.113.7'],
    // The first hops are whatever the client claims.
    ['10.0.0.1', '1.2.3.4, 203.0.113.7', '203.0.113.7'],
    ['10.0.0.1', '203.0.113.7, 10.9.9.9,192.168.1.1', '203.0.113.7'],
    ['10.0.0.1', '203.0.113.7:4711', '203.0.113.7'],
    ['10.0.0.1', '[2001:db8::1]:80, fd00::7', '2001:db8::1'],
    ['10.0.0.1', '1.2.3.4, unknown', '10.0.0.1'],
    ['10.0.0.1', '1.2.3.4, unknown, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.1', '', '10.0.0.1'],
  ] as const) {
    assert.equal(clients.behind(peer, forwardedFor), client, forwardedFor);
  }
  assert.deepEqual(
    ['10.1.2.3', '192.168.1.2', 'fd12::1', '::ffff:10.0.0.1', 'nonsense'].map((peer) => clients.isTrusted(peer)),
    [true, false, true, true, false],
  );
  assert.equal(new Clients().isTrusted('127.0.0.1'), false);
});

test('others are served while a client asks for something that sends no masses', () => {
  const clients = new Clients();
  const [good, greedy] = [clients.enter('10.0.0.1'), clients.enter('10.0.0.2')];
  const serveOthers = (): boolean => clients.serveOthersThan(new Set([greedy]));
  clients.ask(greedy);
  clients.look();
  assert.equal(serveOthers(), false, 'it is alone');
  clients.ask(good);
  assert.equal(serveOthers(), true, 'from its first request on');
  clients.ask(greedy);
  clients.look();
  assert.equal(serveOthers(), true);
  assert.equal(clients.serveOthersThan(new Set([greedy, good])), false);
  good.massMs = 100;
  assert.equal(serveOthers(), false, 'it sends masses as well');
  clients.look();
  assert.equal(serveOthers(), false, 'it asks for nothing any more');
  clients.ask(good);
  clients.look();
  assert.equal(serveOthers(), true);
  clients.leave(good);
  assert.equal(serveOthers(), false, 'it has left');
  clients.enter('10.0.0.1');
  clients.ask(good);
  clients.leave(good);
  assert.equal(clients.enter('10.0.0.1'), good);
  clients.ask(good);
  assert.equal(serveOthers(), true, 'it comes with each request over a connection of its own');
});
