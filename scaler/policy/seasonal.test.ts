import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { daySeconds, rushesAt, season, type Shape } from '../testing/season.ts';
import { expect, timeline } from '../testing/timeline.ts';
import { decodeMemory, encodeMemory } from './seasonal-memory.ts';
import { initialSeason, withMemory } from './seasonal.ts';

const nine = 9 * 3600;
const calm = rushesAt();
const workday = rushesAt(9);

test('a rush each day at nine is met from its third or fourth time on, by pods ordered minutes before it, no longer than needed', () => {
  const days = season();
  assert.deepEqual(days.pass(workday), []);
  assert.deepEqual(days.pass(workday), []);
  days.pass(workday);
  for (let day = 3; day < 8; day += 1) {
    const held = days.pass(workday);
    assert.ok(held.length > 0, `day ${day}`);
    const [first, last] = [held[0]!, held.at(-1)!];
    assert.ok(first.second <= nine - 10 && first.second >= nine - 120, `from ${first.second - nine} s`);
    assert.ok(last.second >= nine && last.second <= nine + 120, `until ${last.second - nine} s`);
    assert.ok(
      held.every(({ pods }) => pods >= 10 && pods <= 11),
      JSON.stringify(held),
    );
  }
});

test('a rush that stops coming is waited for twice, a few minutes each, and then no more', () => {
  const days = season();
  for (let day = 0; day < 7; day += 1) days.pass(workday);
  const held = Array.from({ length: 10 }, () => days.pass(calm));
  assert.ok(held[0]!.length > 0 && held[0]!.length <= 30, `${held[0]!.length}`);
  assert.deepEqual(held.slice(2).flat(), []);
});

test('a holiday costs one wait, and the day after it is met', () => {
  const days = season();
  for (let day = 0; day < 7; day += 1) days.pass(workday);
  days.pass(calm);
  assert.ok(days.pass(workday).some(({ second }) => second === nine));
});

test('rushes of workdays: Mondays are met after two weeks, and weekends order nothing', () => {
  const days = season();
  const week = (): number[] =>
    Array.from(
      { length: 7 },
      (_, day) => days.pass(day < 5 ? workday : calm).filter(({ second }) => second <= nine).length,
    );
  week();
  week();
  const third = week();
  assert.ok(
    third.slice(0, 5).every((count) => count > 0),
    third.join(),
  );
  assert.deepEqual(third.slice(5), [0, 0]);
});

test('a rush of one weekday is met the third time, and no other day waits for it', () => {
  const days = season();
  const held: number[] = [];
  for (let day = 0; day < 21; day += 1) held.push(days.pass(day % 7 === 2 ? workday : calm).length);
  assert.ok(held[16]! > 0, held.join());
  assert.deepEqual(
    held.filter((_, day) => day % 7 !== 2).filter((count) => count > 0),
    [],
  );
});

test('rushes at random hours order next to nothing, many or few, nor do rushes that come all the time', () => {
  for (const perDay of [1, 4, 12, 60]) {
    const random = seededRandom(perDay);
    const days = season();
    let held = 0;
    for (let day = 0; day < 21; day += 1) {
      const hours = Array.from({ length: perDay }, () => 24 * random());
      held += days.pass(rushesAt(...hours)).length;
    }
    assert.ok(held <= 90, `${perDay} a day: held for ${10 * held} s in three weeks`);
  }
  const always: Shape = (second) => (second % 400 < 60 ? 100 : 20);
  const days = season();
  for (let day = 0; day < 8; day += 1) assert.equal(days.pass(always).length, 0, `day ${day}`);
});

test('starts that vary by a minute are met by pods that wait for the earliest', () => {
  const random = seededRandom(7);
  const days = season();
  let met = 0;
  for (let day = 0; day < 21; day += 1) {
    const hour = 9 + (120 * random() - 60) / 3600;
    const held = days.pass(rushesAt(hour));
    const start = 10 * Math.floor((3600 * hour) / 10);
    if (day >= 3 && held.some(({ second }) => second === start)) met += 1;
  }
  assert.ok(met >= 15, `${met} of 18`);
});

test('kept as text and read by another scaler, it decides the same', () => {
  const first = season();
  for (let day = 0; day < 5; day += 1) first.pass(workday);
  const text = encodeMemory(first.state.memory!);
  const memory = decodeMemory(text, 5 * daySeconds);
  assert.ok(memory !== null);
  const second = season(withMemory(initialSeason, memory), 5);
  assert.deepEqual(second.pass(workday), first.pass(workday));
});

/** Runs the whole policy from half past eight on the fifth day, after four days that were as told. */
function fifthMorning(shape: Shape, given: Parameters<typeof timeline>[0] = {}) {
  const days = season();
  for (let day = 0; day < 4; day += 1) days.pass(shape);
  const startS = 4 * daySeconds + nine - 1800;
  return timeline({ replicas: 3, minReplicas: 1, startS, season: days.state, ...given });
}

const rush = (second: number): number => (second >= 1800 && second < 2400 ? 100 : 20);

test('the policy has pods ready before the rush, names the season, and goes on when it is over', () => {
  const line = fifthMorning(workday);
  line.at(1650, rush, expect(2, 4));
  line.at(1799, rush, expect(10, 11));
  assert.equal(line.writes.at(-1)!.reason, 'seasonal');
  line.at(2400, rush, expect(10, 14));
  assert.equal(line.lateTotal, 0);
  line.at(3300, rush, expect(2, 5));
});

test('switched off, the same morning orders nothing in advance, and requests are late', () => {
  const line = fifthMorning(workday, { seasonal: false });
  line.at(1799, rush, expect(2, 4));
  line.at(2400, rush, expect(10, 20));
  assert.ok(line.lateTotal > 0);
});

test('a pool at zero is started for a rush that recurs, and returns to zero when it stays away', () => {
  const line = fifthMorning((second) => (second >= nine && second < nine + 600 ? 100 : 0), {
    replicas: 0,
    minReplicas: 0,
  });
  line.at(
    5,
    () => 1,
    () => undefined,
  );
  line.at(1600, () => 0, expect(0));
  line.at(1790, () => 0, expect(10, 11));
  line.at(3000, () => 0, expect(0));
});

test('maxReplicas bounds the season', () => {
  const line = fifthMorning(workday, { maxReplicas: 6 });
  line.at(1799, rush, expect(6));
});
