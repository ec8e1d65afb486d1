/** Turns of the event loop, counted until a test ends. */
import type { TestContext } from 'node:test';

/** @returns the number of the present turn */
export function countTurns(t: TestContext): () => number {
  let turn = 0;
  const count = (): void => {
    turn += 1;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  t.after(() => clearImmediate(immediate));
  return () => turn;
}
