import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { garbageCollector, oldGenerationGrowthMiB } from '../../test/support/old-generation.ts';
import { RunQueue, type Waiting } from './next-run.ts';

interface Entry extends Waiting {
  readonly id: string;
}

const entry = (id: string, groupKey = 'a', rows = 1, deadlineMs = Infinity, maxRows = 4): Entry => ({
  id,
  groupKey,
  rows,
  deadlineMs,
  maxRows,
  waiting: false,
});

const ids = (entries: readonly Entry[]) => entries.map(({ id }) => id).join(' ');

function queueOf(...entries: Entry[]): RunQueue<Entry> {
  const queue = new RunQueue<Entry>();
  for (const each of entries) queue.push(each);
  return queue;
}

test('the oldest entry takes the companions of its group along, and the others keep their turn', () => {
  const queue = queueOf(entry('1', 'a'), entry('2', 'b'), entry('3', 'a'), entry('4', 'b'));
  assert.equal(ids(queue.next(0).entries), '1 3');
  assert.equal(ids(queue.next(0).entries), '2 4');
  assert.deepEqual(queue.next(0), { entries: [], rows: 0, expired: [] });
});

test('a run is filled in order of arrival up to maxRows, without skipping ahead', () => {
  const queue = queueOf(entry('1', 'a', 2), entry('2', 'a', 3), entry('3', 'a', 1));
  assert.equal(ids(queue.next(0).entries), '1');
  assert.equal(queue.rows, 4);
  const second = queue.next(0);
  assert.equal(ids(second.entries), '2 3');
  assert.equal(second.rows, 4);
});

test('what passed its deadline leaves the queue and does not run', () => {
  const queue = queueOf(entry('1', 'a', 1, 10), entry('2', 'a', 1, 30), entry('3', 'a', 1, 20));
  const run = queue.next(20);
  assert.equal(ids(run.entries), '2');
  assert.equal(ids(run.expired), '1 3');
  assert.equal(queue.length, 0);
  assert.equal(queue.rows, 0);
});

test('a removed entry is not run, and its group goes on', () => {
  const [first, second] = [entry('1'), entry('2')];
  const queue = queueOf(first, second);
  assert.equal(queue.remove(first), true);
  assert.equal(queue.remove(first), false);
  assert.equal(queue.rows, 1);
  assert.equal(ids(queue.next(0).entries), '2');
});

test('an entry larger than a run of its group runs alone', () => {
  const queue = queueOf(entry('1', 'a', 6, Infinity, 1), entry('2', 'a', 1, Infinity, 1));
  assert.deepEqual([ids(queue.next(0).entries), queue.rows], ['1', 1]);
  assert.equal(ids(queue.next(0).entries), '2');
});

test('entries of all groups are taken out by what they are, oldest first, and those that have left are not', () => {
  const entries = ['1', '2', '3', '4', '5', '6'].map((id, at) =>
    entry(id, at % 2 === 0 ? 'a' : 'b', at + 1, Infinity, 9),
  );
  const queue = queueOf(...entries);
  queue.remove(entries[1]!);
  assert.equal(ids(queue.take(({ id }) => ['1', '2', '4', '5'].includes(id))), '1 4 5');
  assert.deepEqual([queue.length, queue.rows], [2, 3 + 6]);
  assert.equal(ids(queue.take(({ id }) => id === '1')), '', 'taken once');
  const [first, second] = [queue.next(0), queue.next(0)];
  assert.deepEqual([ids(first.entries), ids(second.entries), queue.length, queue.rows], ['3', '6', 0, 0]);
});

test('every entry runs exactly once, runs never mix groups or exceed maxRows, groups keep their order', () => {
  const waiting = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    rows: fc.integer({ min: 1, max: 4 }),
    take: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(waiting, { maxLength: 60 }), (arrivals) => {
      const queue = new RunQueue<Entry>();
      const ran: Entry[] = [];
      const run = () => {
        const { entries, rows } = queue.next(0);
        assert.equal(new Set(entries.map(({ groupKey }) => groupKey)).size, Math.min(1, entries.length));
        assert.equal(
          rows,
          entries.reduce((sum, each) => sum + each.rows, 0),
        );
        assert.ok(rows <= 4);
        ran.push(...entries);
        return entries.length;
      };
      for (const [index, { key, rows, take }] of arrivals.entries()) {
        queue.push(entry(String(index), key, rows));
        if (take) run();
      }
      while (run() > 0);
      assert.equal(queue.rows, 0);
      assert.equal(ran.length, arrivals.length);
      for (const group of ['a', 'b', 'c']) {
        const order = ran.filter(({ groupKey }) => groupKey === group).map(({ id }) => Number(id));
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
        );
      }
    }),
  );
});

test('of what ran nothing stays behind, whatever was collected meanwhile', () => {
  const queue = new RunQueue<Entry>();
  const grownMiB = oldGenerationGrowthMiB(() => {
    for (let count = 0; count < 60; count += 1) queue.push(entry(`${count}`, 'a', 1, Infinity, 64));
    while (queue.length > 0) queue.next(0);
  }, 5_000);
  assert.ok(grownMiB < 4, `${grownMiB} MiB`);
});

test('a group goes on after everything in it was removed', () => {
  const entries = ['1', '2', '3'].map((id) => entry(id, 'a', 4));
  const queue = queueOf(...entries);
  assert.equal(ids(queue.next(0).entries), '1');
  for (const left of entries.slice(1)) queue.remove(left);
  assert.deepEqual(queue.next(0), { entries: [], rows: 0, expired: [] });
  queue.push(entry('4'));
  assert.equal(queue.length, 1);
  assert.equal(ids(queue.next(0).entries), '4');
  assert.equal(queue.length, 0);
});

test('a long queue keeps its order while its front is cut off', () => {
  const queue = new RunQueue<Entry>();
  const arrived = (from: number) => Array.from({ length: 1_500 }, (_, at) => String(from + at));
  for (const id of arrived(0)) queue.push(entry(id, 'a', 4));
  for (const id of arrived(0).slice(0, 1_300)) assert.equal(ids(queue.next(0).entries), id);
  for (const id of arrived(1_500)) queue.push(entry(id, 'a', 4));
  for (const id of [...arrived(0).slice(1_300), ...arrived(1_500)]) assert.equal(ids(queue.next(0).entries), id);
  assert.equal(queue.rows, 0);
});

test('removed entries do not stay behind either', () => {
  const queue = new RunQueue<Entry>();
  const grownMiB = oldGenerationGrowthMiB(() => {
    const left = Array.from({ length: 60 }, (_, at) => entry(`${at}`));
    for (const each of left) queue.push(each);
    for (const each of left) queue.remove(each);
    queue.next(0);
  }, 5_000);
  assert.ok(grownMiB < 4, `${grownMiB} MiB`);
});

test('groups that are empty do not pile up', () => {
  const queue = new RunQueue<Entry>();
  for (let count = 0; count < 2_000; count += 1) {
    queue.push(entry(`${count}`, `shape ${count}`));
    assert.equal(ids(queue.next(0).entries), `${count}`);
  }
  const waiting = queueOf(entry('1', 'x'), ...Array.from({ length: 600 }, (_, at) => entry(`${at}`, `shape ${at}`)));
  for (let count = 0; count < 601; count += 1) assert.equal(waiting.next(0).entries.length, 1);
});

/** Memory in use that the steps add, which leave the queue as long as it was. */
function grownMiB(repeats: number, step: (count: number) => void): number {
  const collect = garbageCollector();
  const usedMiB = (): number => {
    collect();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };
  const before = usedMiB();
  for (let count = 0; count < repeats; count += 1) step(count);
  return usedMiB() - before;
}

test('groups whose names are never used again leave nothing behind', () => {
  const queue = new RunQueue<Entry>();
  const grown = grownMiB(100_000, (count) => {
    queue.push(entry('1', `shape ${count}`));
    queue.next(0);
  });
  assert.ok(grown < 4, `${grown} MiB`);
  assert.equal(queue.length, 0);
});

test('what has run is let go of by a queue that is never empty too', () => {
  const many = queueOf(entry('first'), entry('second'));
  const grownByMany = grownMiB(500_000, () => {
    many.push(entry('1', 'a', 4));
    many.next(0);
  });
  assert.ok(grownByMany < 4, `${grownByMany} MiB after many`);
  assert.equal(many.length, 1);
  const large = queueOf(entry('first', 'a', 4));
  const grownByLarge = grownMiB(1_000, () => {
    large.push(Object.assign(entry('1', 'a', 4), { data: new Array<number>(5_000).fill(0.5) }));
    large.next(0);
  });
  assert.ok(grownByLarge < 4, `${grownByLarge} MiB after large ones`);
  assert.equal(large.length, 1);
});

test('however many groups wait, few pushes look for empty ones', (t) => {
  const queue = new RunQueue<Entry>();
  // By hand: a mock of a method that is named by a symbol is not taken back, and breaks every later test.
  const original = Object.getOwnPropertyDescriptor(Map.prototype, Symbol.iterator)!;
  t.after(() => Object.defineProperty(Map.prototype, Symbol.iterator, original));
  let looks = 0;
  Object.defineProperty(Map.prototype, Symbol.iterator, {
    ...original,
    value(this: Map<unknown, unknown>) {
      looks += 1;
      return this.entries();
    },
  });
  for (let count = 0; count < 5_000; count += 1) queue.push(entry(`${count}`, `shape ${count}`));
  assert.ok(looks >= 1 && looks <= 5, `${looks} times`);
});
