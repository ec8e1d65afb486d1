/**
 * Entry of a process of unit tests: a suite for each file that its arguments name. A file's hooks thus hold for its own tests
 * only.
 */
import '../../runtime/process/float16.ts';
import { resolve } from 'node:path';
import { describe } from 'node:test';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { longForm } from './long-form.ts';

// Properties look at the same inputs in each run, and at others in the long form, whose failures name their seed.
if (!longForm) fc.configureGlobal({ seed: 1 });

for (const file of process.argv.slice(2)) {
  describe(file, async () => {
    await import(pathToFileURL(resolve(file)).href);
  });
}
