import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lastLevel, leastShare, Levels, rowsBefore as rowsBeforeOf, type Ranked } from './levels.ts';

let sequence = 0;
const one = (priority: number, estimatedRows = 1, bytes = 0): Ranked => ({
  priority,
  estimatedRows,
  bytes,
  deadlineAtMs: 1_000,
  sequence: (sequence += 1),
});

/** A backlog that is served one request after the other. */
class Backlog {
  readonly levels = new Levels();
  readonly waiting: Ranked[] = [];

  push(...requests: readonly Ranked[]): void {
    for (const request of requests) this.levels.enter(request);
    this.waiting.push(...requests);
  }

  /** Serves the first of those that can be served. */
  serve(canBe: (request: Ranked) => boolean = () => true): Ranked | undefined {
    const able = this.waiting.filter(canBe);
    const [first] = able.sort((a, b) => (this.levels.precedes(a, b) ? -1 : 1));
    if (first !== undefined) this.take(first);
    return first;
  }

  take(request: Ranked): void {
    this.levels.serve(request);
    this.leave(request);
  }

  leave(request: Ranked): void {
    this.levels.leave(request);
    this.waiting.splice(this.waiting.indexOf(request), 1);
  }

  /** Levels in the order in which so many requests are served. */
  order(count: number): string {
    return Array.from({ length: count }, () => this.serve()?.priority ?? '-').join('');
  }
}

const many = (count: number, priority: number, rows = 1): Ranked[] =>
  Array.from({ length: count }, () => one(priority, rows));

test('the first level goes first, and the last one gets each ninth row', () => {
  const backlog = new Backlog();
  backlog.push(...many(3, 9), ...many(40, 1));
  assert.equal(backlog.order(31), '1111111119111111119111111119111');
});

test('a short backlog of the first level is served before anything else', () => {
  const backlog = new Backlog();
  backlog.push(...many(5, 9), ...many(8, 1));
  assert.equal(backlog.order(14), '1111111199999-');
});

test('each level that waits gets a ninth, and the first one the rest', () => {
  const backlog = new Backlog();
  for (const priority of [1, 3, 5, 9]) backlog.push(...many(200, priority));
  const order = backlog.order(200);
  const share = (level: number): number => order.split(String(level)).length - 1;
  assert.deepEqual([share(1), share(3), share(5), share(9)], [135, 21, 22, 22]);
});

test('a level with large requests goes by the rows: each counts as what it has', () => {
  const backlog = new Backlog();
  backlog.push(...many(10, 9, 10), ...many(400, 1));
  const order = backlog.order(404);
  assert.equal(order.indexOf('9'), 90);
  assert.equal(order.split('9').length - 1, 4);
});

test('a request of more rows than a run goes after 64 earned ones, and owes the rest', () => {
  const backlog = new Backlog();
  backlog.push(one(9, 128), one(9, 1), ...many(2_000, 1));
  const order = backlog.order(2_000);
  // The mean of 128 rows and 1 is over 64: 576 rows of others earn these.
  assert.equal(order.indexOf('9'), 576);
  // The level owes 64 of its 128 rows, which the next 457 rows and its own earn back.
  assert.equal(order.indexOf('9', 577), 1_034);
});

test('what was earned is forgotten once nothing waits', () => {
  const backlog = new Backlog();
  backlog.push(one(9), ...many(8, 1));
  backlog.order(9);
  backlog.push(one(9), ...many(12, 1));
  assert.equal(backlog.order(13), '1111111119111');
});

test('a level that is served since nobody before it can be owes nothing for it', () => {
  const backlog = new Backlog();
  backlog.push(...many(30, 1), ...many(30, 5));
  for (let count = 0; count < 8; count += 1) assert.equal(backlog.serve(({ priority }) => priority === 5)?.priority, 5);
  // Eight rows that were served earned the level eight ninths; one more earns it a request.
  assert.equal(backlog.order(3), '151');
});

test('a level whose model has no pod earns no more than a bounded burst', () => {
  const backlog = new Backlog();
  backlog.push(...many(1, 1), ...many(2_000, 9));
  for (let count = 0; count < 20_000; count += 1) {
    backlog.push(one(1));
    backlog.serve(({ priority }) => priority === 1);
  }
  backlog.push(...many(20, 1));
  // 1,024 rows, and what these earn themselves.
  assert.equal(backlog.order(1_200).indexOf('1'), 1_151);
});

test('within a level: by deadline, then by arrival', () => {
  const levels = new Levels();
  const soon = { ...one(5), deadlineAtMs: 10 };
  const late = { ...one(5), deadlineAtMs: 20, sequence: 0 };
  assert.deepEqual([levels.precedes(soon, late), levels.precedes(late, soon)], [true, false]);
  assert.equal(levels.precedes({ ...late, sequence: 1 }, { ...late, sequence: 2 }), true);
});

const anyBusyPeriod = fc.constantFrom(1, 8, 64, 1024).chain((largest) =>
  fc.record({
    largest: fc.constant(largest),
    arrivals: fc.array(
      fc.record({
        priority: fc.integer({ min: 1, max: lastLevel }),
        rows: fc.integer({ min: 1, max: largest }),
        servedBefore: fc.nat(2),
        leaves: fc.boolean(),
      }),
      { minLength: 20, maxLength: 300, size: 'max' },
    ),
  }),
);

test('over any backlog each level gets a ninth of the rows served while it waits', () => {
  fc.assert(
    fc.property(anyBusyPeriod, ({ largest, arrivals }) => {
      const backlog = new Backlog();
      // Rows served, and those of the level itself, since it began to wait.
      const served = new Float64Array(lastLevel + 1);
      const own = new Float64Array(lastLevel + 1);
      const waits = (level: number): boolean => backlog.waiting.some(({ priority }) => priority === level);
      const serveOne = (): void => {
        const levels = Array.from({ length: lastLevel }, (_, index) => index + 1).filter(waits);
        const first = backlog.serve();
        assert.equal(first === undefined, levels.length === 0, 'whatever waits is served');
        if (first === undefined) return;
        own[first.priority]! += first.estimatedRows;
        for (const level of levels) {
          served[level]! += first.estimatedRows;
          // Rows that make its next request go, what others that are due before it earn it meanwhile, and what it owes for a
          // request of more rows than a mean one.
          const owed = largest > 1 ? largest : 0;
          const slack = Math.min(64, largest) + leastShare * largest * (lastLevel - level + 1) + owed;
          const least = leastShare * served[level]! - slack;
          assert.ok(own[level]! >= least, `level ${level}: ${own[level]} of ${served[level]} rows`);
        }
        if (!waits(first.priority)) restart(first.priority);
      };
      const restart = (level: number): void => {
        served[level] = 0;
        own[level] = 0;
      };
      arrivals.forEach(({ priority, rows, servedBefore, leaves }, index) => {
        for (let count = 0; count < servedBefore; count += 1) serveOne();
        backlog.push(one(priority, rows));
        if (!leaves) return;
        const gone = backlog.waiting[index % backlog.waiting.length]!;
        backlog.leave(gone);
        if (!waits(gone.priority)) restart(gone.priority);
      });
      while (backlog.waiting.length > 0) serveOne();
    }),
    { numRuns: 200 },
  );
});

test('a full queue takes requests of a level below its ninth, in the place of the level that holds most', () => {
  const backlog = new Backlog();
  backlog.push(...many(60, 1), ...many(30, 3), ...many(10, 9, 1));
  const max = { requests: 100, bytes: 1_000 };
  const more = { bytes: 0 };
  const { levels } = backlog;
  assert.deepEqual(
    [levels.isUnderShare(9, more, max), levels.isUnderShare(3, more, max), levels.isUnderShare(5, more, max)],
    [true, false, true],
  );
  assert.equal(levels.isUnderShare(5, { bytes: 112 }, max), false);
  assert.equal(levels.levelToShed(9, 'requests', 100), 1);
  assert.equal(levels.levelToShed(1, 'requests', 100), 3);
  // Nobody holds more than a ninth of the bytes.
  assert.equal(levels.levelToShed(9, 'bytes', 1_000), null);
  backlog.push(one(3, 1, 112));
  assert.equal(levels.levelToShed(9, 'bytes', 1_000), 3);
});

const rowsBefore = (rows: readonly number[], level: number, ownRows: number, takenBehind = 0): number =>
  rowsBeforeOf(rows, { level, ownRows, takenBehind });

const waitingAt = (given: Readonly<Record<number, number>>): number[] =>
  Array.from({ length: lastLevel + 1 }, (_, level) => given[level] ?? 0);

test('rows before a request: those of its level alone where no other waits', () => {
  assert.equal(rowsBefore(waitingAt({ 5: 70 }), 5, 3), 70);
  assert.equal(rowsBefore(waitingAt({}), 5, 3), 0);
});

test('rows before a request: behind a higher level at most eight times what its own level serves', () => {
  assert.equal(rowsBefore(waitingAt({ 1: 1_000 }), 9, 2), 16);
  assert.equal(rowsBefore(waitingAt({ 1: 1_000, 9: 10 }), 9, 2), 10 + 8 * 12);
  assert.equal(rowsBefore(waitingAt({ 1: 5 }), 9, 2), 5);
});

test('rows before a request: of lower levels what they earn meanwhile', () => {
  assert.equal(rowsBefore(waitingAt({ 1: 79, 9: 1_000 }), 1, 1), 89);
  assert.equal(rowsBefore(waitingAt({ 1: 79, 9: 4 }), 1, 1), 83);
});

test('predicted rows before a request are those that a backlog serves before it, but for one', () => {
  const anyBacklog = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: lastLevel, maxLength: lastLevel });
  fc.assert(
    fc.property(anyBacklog, fc.integer({ min: 1, max: lastLevel }), (counts, level) => {
      const backlog = new Backlog();
      counts.forEach((count, index) => backlog.push(...many(count, index + 1)));
      const predicted = rowsBefore([0, ...counts], level, 1);
      const request = one(level);
      backlog.push(request);
      let before = 0;
      while (backlog.serve() !== request) before += 1;
      assert.ok(before <= predicted + 1 + lastLevel, `${before} rows before, ${predicted} were predicted`);
    }),
  );
});
