/** Room in a pool's queue: who gives way to whom when it is full, and who is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Levels } from '../policy/levels.ts';
import { pendingRequest } from '../testing/pending.ts';
import { refusalOf } from '../testing/refusal.ts';
import { specOf } from '../testing/virtual-pool.ts';
import { ModelQueue, type PendingRequest } from './model-queue.ts';
import { QueueRoom } from './queue-room.ts';

/** A queue of 18 requests and 180 bytes: the share of a level is 2 requests and 20 bytes. */
const { spec } = specOf(['m'], { requests: { maxQueued: 18, maxQueuedBytes: 180, maxBodyBytes: 170 } });

type Some = readonly [count: number, priority: number, bytes: number];

/** @param held requests that take room, and are in no level: they wait for their client */
function roomWith(waiting: readonly Some[], held: { count: number; bytes: number } = { count: 0, bytes: 0 }) {
  const levels = new Levels();
  const requests: PendingRequest[] = [];
  const room = new QueueRoom({
    pool: 'pool',
    spec: () => spec,
    levels,
    shedLast: (level) => {
      const at = requests.findLastIndex(({ priority }) => priority === level);
      if (at === -1) return false;
      const [gone] = requests.splice(at, 1);
      levels.leave(gone!);
      room.leave(gone!.bytes);
      return true;
    },
  });
  for (const [count, priority, bytes] of waiting) {
    for (let index = 0; index < count; index += 1) {
      const request = pendingRequest({ priority, bytes });
      requests.push(request);
      levels.enter(request);
      room.enter(bytes);
    }
  }
  for (let index = 0; index < held.count; index += 1) room.enter(held.bytes);
  const place = { modelQueue: new ModelQueue('m'), level: 5 };
  /** Requests that wait, by level. */
  const left = (): Record<number, number> => {
    const counts: Record<number, number> = {};
    for (const { priority } of requests) counts[priority] = (counts[priority] ?? 0) + 1;
    return counts;
  };
  return { room, place, left };
}

const cases: readonly {
  readonly name: string;
  readonly waiting: readonly Some[];
  readonly held?: { count: number; bytes: number };
  readonly bytes: number;
  readonly made: boolean;
  readonly left: Record<number, number>;
}[] = [
  {
    name: 'a level at its share of requests gets no other one’s place',
    waiting: [
      [16, 1, 1],
      [2, 5, 1],
    ],
    bytes: 1,
    made: false,
    left: { 1: 16, 5: 2 },
  },
  {
    name: 'a level beyond its share of bytes gets no other one’s place',
    waiting: [[18, 1, 1]],
    bytes: 21,
    made: false,
    left: { 1: 18 },
  },
  {
    name: 'full of requests, the level that holds most gives up one',
    waiting: [
      [12, 1, 1],
      [6, 3, 1],
    ],
    bytes: 1,
    made: true,
    left: { 1: 11, 3: 6 },
  },
  { name: 'below the limit nobody gives way', waiting: [[17, 1, 1]], bytes: 20, made: true, left: { 1: 17 } },
  {
    name: 'full of bytes, as many requests give way as it takes, and not one more',
    waiting: [[9, 1, 18]],
    bytes: 20,
    made: true,
    left: { 1: 8 },
  },
  {
    name: 'bytes that just fit displace nobody',
    waiting: [[8, 1, 20]],
    bytes: 20,
    made: true,
    left: { 1: 8 },
  },
  {
    name: 'a large body takes the place of several small ones',
    waiting: [[17, 1, 10]],
    bytes: 20,
    made: true,
    left: { 1: 16 },
  },
  {
    name: 'full of requests that are held, nobody can give way',
    waiting: [[1, 1, 1]],
    held: { count: 17, bytes: 1 },
    bytes: 1,
    made: false,
    left: { 1: 1 },
  },
  {
    name: 'full of bytes that are held, it has no room although others give way',
    waiting: [[3, 1, 10]],
    held: { count: 1, bytes: 170 },
    bytes: 20,
    made: false,
    left: { 1: 2 },
  },
];

for (const { name, waiting, held, bytes, made, left } of cases) {
  test(name, () => {
    const queue = roomWith(waiting, held);
    assert.equal(queue.room.make(5, bytes), made);
    assert.deepEqual(queue.left(), left);
  });
}

test('a body that arrives at a full queue displaces others as its bytes come, not when it is announced', () => {
  const { room, place, left } = roomWith([[9, 1, 20]]);
  room.check(place, 20);
  assert.deepEqual(left(), { 1: 9 });
  room.reserve(place, 0, 10);
  assert.deepEqual(left(), { 1: 8 });
  room.reserve(place, 10, 10);
  assert.deepEqual(left(), { 1: 8 });
  room.reserve(place, 20, 1);
  assert.deepEqual(left(), { 1: 7 });
});

test('a body of a level beyond its share is refused at a full queue, announced or not, and displaces nobody', () => {
  const { room, place, left } = roomWith([[9, 1, 20]]);
  assert.equal(refusalOf(() => room.check(place, 21)).code, 'queue-full');
  assert.equal(refusalOf(() => room.reserve(place, 21, 1)).code, 'queue-full');
  assert.deepEqual(left(), { 1: 9 });
  assert.deepEqual([place.modelQueue.counters.plain.arrivals, place.modelQueue.counters.shed['queue-full']], [2, 2]);
});

test('a body is refused where those that would have to give way hold too little', () => {
  const { room, place } = roomWith([[2, 1, 10]], { count: 1, bytes: 160 });
  assert.equal(refusalOf(() => room.reserve(place, 0, 1)).code, 'queue-full');
});
