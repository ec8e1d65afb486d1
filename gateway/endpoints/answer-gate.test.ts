/** Room for large answers: granted in order and as a whole, beside what clients have not taken. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { VirtualTime } from '../testing/virtual-time.ts';
import { AnswerGate } from './answer-gate.ts';

function gateOf(t: TestContext) {
  const time = new VirtualTime(t);
  const state = { unreadBytes: 0, isRoomAwaited: false };
  const gate = new AnswerGate({ unread: state, maxBytes: 100, now: () => time.nowMs });
  /** Clients have taken some, as connections tell it. */
  const leaveUnread = (bytes: number): void => {
    state.unreadBytes = bytes;
    if (state.isRoomAwaited) {
      state.isRoomAwaited = false;
      gate.onRoom();
    }
    time.turn();
  };
  const granted: string[] = [];
  const ask = (name: string, bytes: number): (() => void) | null => {
    const leave = gate.take(bytes, () => granted.push(name));
    if (leave === null) granted.push(name);
    return leave;
  };
  return { time, state, gate, granted, ask, leaveUnread };
}

test('answers come while they fit beside what is unread, then in the order in which they asked', (t) => {
  const { time, state, gate, granted, ask } = gateOf(t);
  state.unreadBytes = 40;
  ask('a', 60);
  ask('b', 30);
  ask('c', 1);
  assert.deepEqual(granted, ['a'], 'a small one passes those that wait');
  time.pass(1_000);
  assert.deepEqual(granted, ['a']);
  gate.release(60);
  time.turn();
  assert.deepEqual(granted, ['a', 'b', 'c']);
});

test('room that clients make is seen', (t) => {
  const { time, state, granted, ask, leaveUnread } = gateOf(t);
  state.unreadBytes = 100;
  ask('a', 20);
  assert.equal(time.timers, 0, 'it is told, and looks at no clock');
  leaveUnread(90);
  assert.deepEqual(granted, []);
  leaveUnread(80);
  assert.deepEqual(granted, ['a']);
  assert.equal(state.isRoomAwaited, false, 'nobody waits any more');
});

test('an answer beyond the limit comes by itself, once half of the limit is free', (t) => {
  const { time, state, gate, granted, ask, leaveUnread } = gateOf(t);
  state.unreadBytes = 51;
  ask('large', 1_000);
  assert.deepEqual(granted, []);
  leaveUnread(50);
  assert.deepEqual(granted, ['large']);
  ask('next', 1);
  time.turn();
  assert.deepEqual(granted, ['large']);
  gate.release(1_000);
  time.turn();
  assert.deepEqual(granted, ['large', 'next']);
});

test('a call that ends stops waiting, and holds nobody up', (t) => {
  const { state, granted, ask, leaveUnread } = gateOf(t);
  state.unreadBytes = 100;
  const leave = ask('a', 50);
  ask('b', 10);
  leave!();
  leave!();
  leaveUnread(90);
  assert.deepEqual(granted, ['b']);
});
