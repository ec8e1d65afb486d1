/** Words on models as the reports of gateways carry them, and what a scaler makes of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadReport, ModelWord } from '../../contract/load-report.ts';
import type { ObservedGateway } from '../policy/merge.ts';
import { ModelWords } from './model-words.ts';

type Heard = Pick<ObservedGateway, 'lastReport'>;

/** Report of a gateway process about pool `p`, received at a time. */
function gateway(instance: string, atMs: number, ...words: readonly [ModelWord['action'], number, number][]): Heard {
  const said = words.map(([action, number, ageMs]) => ({ model: 'm', action, number, ageMs }));
  const report = { instance, pools: [{ name: 'p', words: said }] } as unknown as LoadReport;
  return { lastReport: { atMs, report } };
}

const unloaded = (words: ModelWords): readonly string[] => [...words.unloaded];

test('the latest word of all gateways counts, and it stays when the gateway that heard it is gone', () => {
  const words = new ModelWords(1_000);
  words.take('p', [gateway('g', 5_000, ['unload', 1, 0]), gateway('h', 5_000)]);
  assert.deepEqual(unloaded(words), ['m']);
  words.take('p', [gateway('h', 6_000)]);
  assert.deepEqual(unloaded(words), ['m']);
  words.take('p', [gateway('h', 7_000, ['load', 1, 100])]);
  assert.deepEqual(unloaded(words), []);
});

test('a word that comes again with a later report is no later word', () => {
  const words = new ModelWords(0);
  words.take('p', [gateway('g', 5_000, ['load', 1, 0])]);
  words.take('p', [gateway('g', 5_500, ['load', 1, 500]), gateway('h', 5_400, ['unload', 1, 0])]);
  // Lines of the first gateway are late from here on.
  words.take('p', [gateway('g', 9_000, ['load', 1, 1_500])]);
  assert.deepEqual(unloaded(words), ['m']);
});

test('of two words of one gateway the later one counts, though the report of the earlier one was late', () => {
  const words = new ModelWords(0);
  words.take('p', [gateway('g', 9_000, ['unload', 1, 0])]);
  words.take('p', [gateway('g', 9_100, ['load', 2, 1_500])]);
  assert.deepEqual(unloaded(words), []);
  assert.deepEqual([...words.takeLoads()], ['m']);
});

test('each load is told once, and an unload that follows takes it back', () => {
  const words = new ModelWords(0);
  words.take('p', [gateway('g', 5_000, ['load', 1, 0])]);
  assert.deepEqual([...words.takeLoads()], ['m']);
  words.take('p', [gateway('g', 6_000, ['load', 1, 1_000])]);
  assert.deepEqual([...words.takeLoads()], []);
  words.take('p', [gateway('g', 7_000, ['load', 2, 0])]);
  words.take('p', [gateway('g', 8_000, ['unload', 3, 0])]);
  assert.deepEqual([...words.takeLoads()], []);
});

test('words from before the scaler started are none, nor are those on other pools and invalid reports', () => {
  const words = new ModelWords(10_000);
  words.take('p', [gateway('g', 11_000, ['unload', 1, 1_500]), { lastReport: null }]);
  words.take('q', [gateway('g', 12_000, ['unload', 2, 0])]);
  words.take('p', [{ lastReport: { atMs: 13_000, report: null } }]);
  assert.deepEqual(unloaded(words), []);
  words.take('p', [gateway('g', 14_000, ['unload', 3, 0])]);
  assert.deepEqual(unloaded(words), ['m']);
});
