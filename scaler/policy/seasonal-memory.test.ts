import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import {
  addRush,
  decodeMemory,
  encodeMemory,
  mostRushes,
  mostTextLength,
  newMemory,
  type SeasonalMemory,
} from './seasonal-memory.ts';

const startS = 1_780_000_000;

function drawn(seed: number, count: number): SeasonalMemory {
  const random = seededRandom(seed);
  const record = { right: 10 * random(), made: 10 + 10 * random() };
  let memory: SeasonalMemory = {
    ...newMemory(startS),
    day: record,
    week: record,
    marginS: 240 * random(),
    levelScale: 0.9 + 0.6 * random(),
  };
  let atS = startS;
  for (let index = 0; index < count; index += 1) {
    atS += 10 * Math.ceil((1_200_000 / Math.max(1, count) / 10) * 2 * random());
    memory = addRush(memory, { atS, perS: 10 ** (-2 + 8 * random()) }, atS);
  }
  return memory;
}

test('what is encoded is decoded: times exactly, levels within a hundredth, numbers as printed', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const memory = drawn(seed, 4 * seed);
    const lastS = memory.rushes.at(-1)!.atS;
    const found = decodeMemory(encodeMemory(memory), lastS);
    assert.ok(found !== null, encodeMemory(memory));
    assert.deepEqual(
      found.rushes.map(({ atS }) => atS),
      memory.rushes.map(({ atS }) => atS),
    );
    for (const [index, { perS }] of found.rushes.entries()) {
      assert.ok(Math.abs(perS / memory.rushes[index]!.perS - 1) < 0.0101);
    }
    assert.equal(found.sinceS, memory.sinceS);
    assert.ok(
      Math.abs(found.day.right - memory.day.right) <= 0.005 && Math.abs(found.marginS - memory.marginS) <= 0.05,
    );
    assert.equal(encodeMemory(found), encodeMemory(memory), 'the text does not drift from scaler to scaler');
  }
});

test('the text stays below its bound with as many rushes as there can be, at the largest distances', () => {
  let memory = newMemory(startS);
  for (let index = 0; index < 2 * mostRushes; index += 1) {
    memory = addRush(memory, { atS: startS + index * 3240, perS: 1e12 }, startS + index * 3240);
  }
  assert.equal(memory.rushes.length, mostRushes);
  assert.ok(memory.sinceS >= memory.rushes[0]!.atS, 'what was dropped is no longer known');
  const text = encodeMemory(memory);
  assert.ok(text.length < mostTextLength, `${text.length}`);
  assert.ok(decodeMemory(text, startS + 2 * mostRushes * 3240) !== null);
});

test('rushes older than fifteen days are forgotten', () => {
  let memory = addRush(newMemory(startS), { atS: startS, perS: 5 }, startS);
  memory = addRush(memory, { atS: startS + 1_300_000, perS: 5 }, startS + 1_300_000);
  assert.deepEqual(memory.rushes, [{ atS: startS + 1_300_000, perS: 5 }]);
});

test('foreign, future and impossible text is no memory', () => {
  const good = encodeMemory(drawn(3, 5));
  const nowS = startS + 3_000_000;
  assert.ok(decodeMemory(good, nowS) !== null);
  const bad: unknown[] = [
    null,
    undefined,
    7,
    {},
    '',
    '-',
    good.replace('v1', 'v2'),
    ` ${good}`,
    `${good},`,
    `${good} `,
    good.replace(/ [^ ]*$/, ' zz'),
    'v1 1780000000 2.00/1.00 0.00/0.00 30.0 1.000 -',
    'v1 1780000001 0.00/0.00 0.00/0.00 30.0 1.000 -',
    'v1 1780000000 0.00/0.00 0.00/0.00 30.0 1.000 1aa,0aa',
    `v1 1780000000 0.00/0.00 0.00/0.00 30.0 1.000 ${'1aa,'.repeat(mostRushes)}1aa`,
    good + 'x'.repeat(mostTextLength),
  ];
  for (const text of bad) assert.equal(decodeMemory(text, nowS), null, String(text));
  assert.equal(decodeMemory(good, startS - 3600), null, 'written by a clock that is an hour ahead');
});

test('whatever was changed in the text, decoding gives a memory that can be encoded again, or none, and never throws', () => {
  const random = seededRandom(11);
  const nowS = startS + 3_000_000;
  let [kept, refused] = [0, 0];
  for (let round = 0; round < 5000; round += 1) {
    const text = Array.from(encodeMemory(drawn(round % 20, round % 30)));
    for (let change = 0; change <= 3 * random(); change += 1) {
      const at = Math.floor(random() * text.length);
      const character = String.fromCharCode(32 + Math.floor(95 * random()));
      text.splice(at, Math.floor(3 * random()), ...(random() < 0.7 ? [character] : []));
    }
    const memory = decodeMemory(text.join(''), nowS);
    if (memory === null) {
      refused += 1;
      continue;
    }
    kept += 1;
    assert.ok(
      memory.rushes.length <= mostRushes && memory.rushes.every(({ atS, perS }) => atS <= nowS + 60 && perS > 0),
    );
    assert.ok(memory.rushes.every(({ atS }, index) => index === 0 || atS > memory.rushes[index - 1]!.atS));
    assert.ok(memory.marginS <= 240 && memory.levelScale <= 1.5 && memory.levelScale >= 0.9, text.join(''));
    const again = decodeMemory(encodeMemory(memory), nowS);
    assert.deepEqual(again?.rushes.length, memory.rushes.length, text.join(''));
  }
  assert.ok(kept > 100 && refused > 1000, `${kept} kept, ${refused} refused`);
});
