/** Room for answers: who leaves them unread gets no further ones, by connection, by address and in all. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { Clients } from './clients.ts';
import { connectionOf, type Connection } from './connection.ts';
import { Connections } from './connections.ts';
import { FaceCounters } from './face-counters.ts';
import { httpDefaults } from './limits.ts';

const kibibyte = 1024;
const limits = {
  ...httpDefaults,
  maxUnreadBytes: 1_000 * kibibyte,
  maxUnreadBytesPerAddress: 800 * kibibyte,
  maxUnreadBytesPerConnection: 300 * kibibyte,
};
const large = 100 * kibibyte;
const small = 10 * kibibyte;

function face(trustedProxies: readonly string[] = []) {
  const counters = new FaceCounters();
  let told = 0;
  let nowMs = 0;
  const connections = new Connections({
    limits,
    counters,
    clients: new Clients(trustedProxies),
    log: { error: () => undefined },
    now: () => nowMs,
    onAnswerRoom: () => (told += 1),
  });
  const connect = (remoteAddress: string): { socket: FakeSocket; connection: Connection } => {
    const socket = new FakeSocket(remoteAddress);
    assert.equal(connections.accept(socket as unknown as Socket), null);
    return { socket, connection: connectionOf({ socket })! };
  };
  return {
    counters,
    connect,
    told: () => told,
    look: (times: number) => {
      for (let time = 0; time < times; time += 1) {
        nowMs += limits.watchMs;
        connections.watch();
      }
    },
    wait: (ms: number) => (nowMs += ms),
  };
}

/** A socket that takes nothing, unless its `_handle` says so. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  writableLength = 1;
  _handle = { bytesWritten: 0, writeQueueSize: 0 };
  destroyed = false;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  pause(): void {
    this.emit('paused');
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const noCancel = (): void => undefined;

/** Asks for an answer, which comes and is not taken. @returns false if it had no room */
function leaveUnread(connection: Connection, bytes: number): boolean {
  const turn = connection.openRequest();
  if (!connection.takeAnswerRoom(bytes, turn)) return false;
  connection.releaseAnswerRoom(bytes);
  connection.answerRequest(bytes);
  return true;
}

/** Takes answers, by which the address of the connection is known as one that reads. */
function takeMany({ connection }: { connection: Connection }): void {
  for (let answer = 0; answer < 20; answer += 1) {
    assert.equal(leaveUnread(connection, large), true);
    connection.closeRequest(large, noCancel);
  }
}

test('a connection gets further answers once it has taken what it asked for; its first may be of any size', () => {
  const { connect, told, counters } = face();
  const { connection } = connect('10.0.0.1');
  assert.equal(leaveUnread(connection, 10 * large), true);
  assert.equal(leaveUnread(connection, small), false);
  assert.equal(told(), 0);
  connection.closeRequest(10 * large, noCancel);
  assert.equal(told(), 1);
  assert.equal(connection.takeAnswerRoom(small, 2), true);
  assert.deepEqual([counters.unreadBytes, counters.expectedBytes], [0, small]);
});

test('an answer that others wait behind has room, since these can not be taken before', () => {
  const { connect } = face();
  const { connection } = connect('10.0.0.1');
  const first = connection.openRequest();
  const second = connection.openRequest();
  const third = connection.openRequest();
  assert.equal(connection.takeAnswerRoom(3 * large, second), true);
  assert.equal(connection.takeAnswerRoom(large, first), false, 'nothing waits behind it yet');
  connection.releaseAnswerRoom(3 * large);
  connection.answerRequest(3 * large);
  assert.equal(connection.takeAnswerRoom(large, third), false);
  assert.equal(connection.takeAnswerRoom(large, first), true);
});

test('an address that leaves much unread gets no further large answers; small ones and other addresses do', () => {
  const { connect } = face();
  takeMany(connect('10.0.0.1'));
  const unread = Array.from({ length: 8 }, () => connect('10.0.0.1').connection).map((one) => leaveUnread(one, large));
  assert.deepEqual(unread, Array<boolean>(8).fill(true));
  const { connection: same } = connect('10.0.0.1');
  const { connection: other } = connect('10.0.0.2');
  assert.equal(same.takeAnswerRoom(large, same.openRequest()), false);
  assert.equal(same.takeAnswerRoom(small, 1), true);
  assert.equal(leaveUnread(other, large), true);
});

test('an address that reads has twice its limit under way, and waits for the rest', () => {
  const { connect } = face();
  takeMany(connect('10.0.0.1'));
  const takes = (address: string): boolean => {
    const { connection } = connect(address);
    return connection.takeAnswerRoom(large, connection.openRequest());
  };
  assert.equal(Array.from({ length: 50 }, () => takes('10.0.0.1')).filter(Boolean).length, 16);
  assert.equal(takes('10.0.0.2'), true);
});

test('an address that has taken nothing yet has half of its limit under way, and more by what it takes', () => {
  const { connect } = face();
  const underWay: { connection: Connection; turn: number }[] = [];
  const ask = (): boolean => {
    const { connection } = connect('10.0.0.1');
    const turn = connection.openRequest();
    if (!connection.takeAnswerRoom(large, turn)) return false;
    underWay.push({ connection, turn });
    return true;
  };
  const askAll = (): number => Array.from({ length: 20 }, ask).filter(Boolean).length;
  assert.equal(askAll(), 4);
  const { connection } = underWay.shift()!;
  connection.releaseAnswerRoom(large);
  connection.answerRequest(large);
  assert.equal(askAll(), 0, 'it was sent and not taken');
  connection.closeRequest(large, noCancel);
  assert.equal(askAll(), 2);
});

test('an answer beyond all that an address may have under way is computed by itself', () => {
  const { connect } = face();
  const { connection } = connect('10.0.0.1');
  assert.equal(connection.takeAnswerRoom(20 * large, connection.openRequest()), true);
});

test('behind a trusted proxy each connection counts for itself', () => {
  const { connect } = face(['10.0.0.1']);
  for (let count = 0; count < 10; count += 1) assert.equal(leaveUnread(connect('10.0.0.1').connection, large), true);
  const { connection } = connect('10.0.0.1');
  assert.equal(leaveUnread(connection, 3 * large), true);
  assert.equal(leaveUnread(connection, small), false);
});

test('answers of all clients wait beyond four times the limit of what is unread', () => {
  const { connect } = face();
  const takes = (count: number): boolean => leaveUnread(connect(`10.0.1.${count}`).connection, 2 * large);
  const taken = Array.from({ length: 25 }, (_, count) => takes(count)).filter(Boolean);
  assert.equal(taken.length, 20);
});

test('connections that stand still are cut while answers wait for their room, and what they held is free', () => {
  const { connect, look, counters, told } = face();
  takeMany(connect('10.0.0.1'));
  const standing = Array.from({ length: 8 }, () => connect('10.0.0.1'));
  for (const { connection } of standing) leaveUnread(connection, large);
  look(8);
  assert.equal(counters.refusals['unread-bytes'], 0, 'nobody asks for the room');
  const { connection } = connect('10.0.0.1');
  assert.equal(connection.takeAnswerRoom(large, connection.openRequest()), false);
  look(1);
  assert.equal(standing.filter(({ socket }) => socket.destroyed).length, 6);
  assert.deepEqual([counters.refusals['unread-bytes'], counters.unreadBytes, told()], [6, 2 * large, 1]);
  assert.equal(connection.takeAnswerRoom(large, 1), true);
});

test('room that an address leaves unread is made again though it has taken nothing yet', () => {
  const { connect, look } = face();
  const standing = Array.from({ length: 4 }, () => connect('10.0.0.1'));
  for (const { connection } of standing) leaveUnread(connection, large);
  look(8);
  const { connection } = connect('10.0.0.1');
  assert.equal(connection.takeAnswerRoom(large, connection.openRequest()), false);
  look(1);
  assert.equal(standing.filter(({ socket }) => socket.destroyed).length, 2);
  assert.equal(connection.takeAnswerRoom(large, 1), true);
});

test('no answer is cut as it comes, however long ago the last look was, and however much others leave unread', () => {
  const { connect, look, wait, counters } = face();
  const good = connect('10.0.0.2');
  good.socket.writableLength = 0;
  look(8);
  // A busy machine is late with its looks.
  for (let lateMs = 0; lateMs <= 2_000; lateMs += 50) {
    wait(50);
    leaveUnread(connect('10.0.0.1').connection, 10 * large);
    leaveUnread(good.connection, small);
    good.connection.closeRequest(small, noCancel);
    assert.equal(good.socket.destroyed, false, `cut ${lateMs} ms after a look`);
  }
  look(8);
  assert.ok(counters.refusals['unread-bytes'] > 0);
  assert.equal(good.socket.destroyed, false);
});

test('a client below its share of what may be unread is not cut for others, though it stands still; one above it is', () => {
  const { connect, look } = face();
  takeMany(connect('10.0.0.1'));
  const attackers = Array.from({ length: 4 }, () => connect('10.0.0.1'));
  const slow = connect('10.0.0.2');
  for (const { connection } of [...attackers, slow]) leaveUnread(connection, 4 * large);
  look(4);
  assert.equal(
    [...attackers, slow].filter(({ socket }) => socket.destroyed).length,
    0,
    'they stood for less than a second',
  );
  look(2);
  assert.deepEqual(
    [...attackers, slow].map(({ socket }) => socket.destroyed),
    [true, true, true, true, false],
  );
});

test('a peer is not cut, whatever it leaves unread: it has no room itself', () => {
  const { connect, look } = face();
  const [peer, stranger] = [connect('10.0.0.1'), connect('10.0.0.2')];
  peer.connection.isPeer = true;
  for (const { connection } of [peer, stranger]) leaveUnread(connection, 20 * large);
  look(20);
  assert.deepEqual([peer.socket.destroyed, stranger.socket.destroyed], [false, true]);
});

test('a client that takes something at each second is not cut for others, however little it is', () => {
  const { connect, look, counters } = face();
  const reader = connect('10.0.0.1');
  leaveUnread(reader.connection, 20 * large);
  for (let second = 0; second < 20; second += 1) {
    look(4);
    reader.socket._handle.bytesWritten += 1;
  }
  assert.deepEqual([reader.socket.destroyed, counters.refusals['unread-bytes']], [false, 0]);
  look(5);
  assert.equal(reader.socket.destroyed, true);
});

test('a connection that ends gives all of its room back, once', () => {
  const { connect, counters } = face();
  const { socket, connection } = connect('10.0.0.1');
  leaveUnread(connection, large);
  assert.equal(connection.takeAnswerRoom(small, connection.openRequest()), true);
  socket.destroy();
  connection.releaseAnswerRoom(small);
  connection.closeRequest(large, noCancel);
  assert.deepEqual([counters.unreadBytes, counters.expectedBytes, connection.client.unreadBytes], [0, 0, 0]);
  assert.equal(connection.client.expectedBytes, 0);
});
