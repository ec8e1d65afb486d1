/** Faults that once passed all unit tests of the gateway. Each must be seen by the tests of its room. */
import type { Mutant } from './mutants.ts';

interface Fault {
  readonly name: string;
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  readonly replacement: string;
}

const faults: readonly Fault[] = [
  {
    name: 'the order of models is reversed',
    file: 'gateway/queue/waiting-models.ts',
    find: '!this.#levels.precedes(head, bestHead)',
    replacement: 'this.#levels.precedes(head, bestHead)',
  },
  {
    name: 'a pod on probation gets whole batches',
    file: 'gateway/dispatch/dispatch.ts',
    find: "endpoint.health.kind === 'probing' ? 0 : decision.rows * rowWork",
    replacement: 'decision.rows * rowWork',
  },
  {
    name: 'an unverified answer does not stand when the second pod is lost',
    file: 'gateway/dispatch/retries.ts',
    find: 'if (request.unverified !== undefined) return this.#book.answer(request, request.unverified.outcome);',
    replacement: '',
  },
  {
    name: 'bytes of requests that have left the queue are never given back',
    file: 'gateway/queue/queue-room.ts',
    find: 'this.#bytes -= bytes;',
    replacement: '',
  },
];

/** The faults as mutants of the files that stand in `textOf`. @throws Error where the code has changed, and a fault must */
export function namedFaults(textOf: (file: string) => string): Mutant[] {
  return faults.map(({ name, file, find, replacement }) => {
    const text = textOf(file);
    const start = text.indexOf(find);
    if (start < 0 || text.includes(find, start + 1)) throw new Error(`${file} does not have once: ${find}`);
    return { file, start, end: start + find.length, replacement, kind: `named fault (${name})` };
  });
}
