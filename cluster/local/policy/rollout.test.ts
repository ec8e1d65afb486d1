import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planRollout, type Replaceable } from './rollout.ts';

type Phase = Replaceable['phase'];

/** Pods by name: a capital is outdated; `!` follows those that are not ready. */
function pods(names: string): Replaceable[] {
  return names.split(' ').flatMap((name, index) =>
    name === ''
      ? []
      : [
          {
            name,
            phase: (name.endsWith('!') ? 'Running' : 'Ready') satisfies Phase,
            outdated: /^[A-Z]/.test(name),
            deletionCost: 0,
            readyAtMs: name.endsWith('!') ? null : 1_000 - index,
            restarts: 0,
            createdAtMs: index,
          },
        ],
  );
}

for (const [given, replicas, add, remove] of [
  // Nothing outdated: as many as wanted.
  ['', 2, 2, ''],
  ['a b', 2, 0, ''],
  ['a b c', 1, 0, 'a b'],
  // One more than wanted starts, and an old one goes when it is ready.
  ['A B', 2, 1, ''],
  ['A B c!', 2, 0, ''],
  ['A B c', 2, 1, 'A'],
  ['B c d!', 2, 0, ''],
  ['B c d', 2, 0, 'B'],
  // A single pod is replaced without a gap.
  ['A', 1, 1, ''],
  ['A b!', 1, 0, ''],
  ['A b', 1, 0, 'A'],
  // Old pods that aren't ready are no use.
  ['A!', 1, 1, 'A!'],
  ['A! B', 2, 2, 'A!'],
  // Another number of replicas meanwhile.
  ['A B', 3, 2, ''],
  ['A B c', 1, 0, 'A B'],
  ['A b', 0, 0, 'b A'],
] as const) {
  test(`${given || 'none'} of ${replicas}: add ${add}, remove ${remove || 'none'}`, () => {
    const step = planRollout(pods(given), replicas);
    assert.deepEqual(
      [step.add, step.remove.map(({ name }) => name).toSorted()],
      [
        add,
        pods(remove)
          .map(({ name }) => name)
          .toSorted(),
      ],
    );
  });
}

test('a rollout ends, and as many as wanted are ready all the time', () => {
  let running = pods('A B C');
  let next = 0;
  for (let turn = 0; turn < 20; turn += 1) {
    const { add, remove } = planRollout(running, 3);
    running = running.filter((pod) => !remove.includes(pod));
    assert.ok(running.filter(({ phase }) => phase === 'Ready').length >= 3);
    running = running.map((pod) => ({ ...pod, phase: 'Ready' }));
    for (let count = 0; count < add; count += 1) running.push(...pods(`n${(next += 1)}!`));
    assert.ok(running.length <= 4);
  }
  assert.deepEqual(
    running.map(({ outdated }) => outdated),
    [false, false, false],
  );
});
