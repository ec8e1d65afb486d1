/**
 * Runs test files in one process in which a source file has another text: `node test/mutation/child.ts`, with a message
 * {file, text, tests}. Ends with 1 at the first test that fails, 0 if none does. Nothing is written.
 */
import { registerHooks } from 'node:module';
import path from 'node:path';
import { afterEach } from 'node:test';
import { pathToFileURL } from 'node:url';

export interface Task {
  /** Null for the code as it stands. */
  readonly changed: { readonly file: string; readonly text: string } | null;
  readonly tests: readonly string[];
}

const urlOf = (file: string): string => pathToFileURL(path.resolve(file)).href;

process.once('message', (task: Task) => {
  process.disconnect();
  const { changed, tests } = task;
  if (changed !== null) {
    const url = urlOf(changed.file);
    registerHooks({
      load: (loaded, context, nextLoad) =>
        loaded === url
          ? { format: 'module-typescript', source: changed.text, shortCircuit: true }
          : nextLoad(loaded, context),
    });
  }
  afterEach((context) => {
    if (!(context as unknown as { passed: boolean }).passed) process.exit(1);
  });
  void load(tests);
});

async function load(tests: readonly string[]): Promise<void> {
  // One after the other: tests run in the order in which they are registered.
  for (const file of tests) await import(urlOf(file));
}
