/** Models with waiting requests: which one is next, and whose last request gives way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Levels } from '../policy/levels.ts';
import { pendingRequest } from '../testing/pending.ts';
import { ModelQueue } from './model-queue.ts';
import { WaitingModels } from './waiting-models.ts';

/** Models by name, each with the priorities of its requests. */
function waitingModels(priorities: Readonly<Record<string, readonly number[]>>) {
  const levels = new Levels();
  const models = new WaitingModels(levels);
  const queues = Object.entries(priorities).map(([model, ofModel]) => {
    const modelQueue = new ModelQueue(model, levels);
    for (const priority of ofModel) {
      modelQueue.push(pendingRequest({ modelQueue, priority }));
      models.join(modelQueue);
    }
    return modelQueue;
  });
  return { models, queues };
}

for (const { name, priorities, loser } of [
  { name: 'the model with most requests of the level', priorities: { m: [5], n: [5, 5, 5], o: [5, 5] }, loser: 'n' },
  { name: 'the last model, if it has most', priorities: { m: [5], n: [5, 5], o: [5, 5, 5] }, loser: 'o' },
  { name: 'the first of models with as many', priorities: { m: [5, 5], n: [5, 5] }, loser: 'm' },
  { name: 'no model for requests of other levels', priorities: { m: [1, 1, 9, 5], n: [5, 5] }, loser: 'n' },
  { name: 'nobody, if none is of the level', priorities: { m: [1, 9] }, loser: undefined },
] as const) {
  test(`for another level gives way: ${name}`, () => {
    const last = waitingModels(priorities).models.lastAt(5);
    assert.deepEqual([last?.modelQueue.model, last?.priority], [loser, loser === undefined ? undefined : 5]);
  });
}

test('models come and go in any order, and the others stay', () => {
  const { models, queues } = waitingModels({ m: [5], n: [5], o: [5], p: [] });
  const names = (): string[] =>
    models
      .list()
      .map(({ model }) => model)
      .toSorted();
  const [m, n, o] = queues;
  assert.deepEqual([names(), models.size], [['m', 'n', 'o'], 3]);
  models.leaveIfEmpty(m!);
  assert.deepEqual(names(), ['m', 'n', 'o'], 'a model with a request stays');
  for (const [queue, rest] of [
    [m, ['n', 'o']],
    [o, ['n']],
    [n, []],
  ] as const) {
    queue!.pop();
    models.leaveIfEmpty(queue!);
    assert.deepEqual(names(), rest);
  }
});
