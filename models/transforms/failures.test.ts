import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeError, describeExit } from './failures.ts';

const folder = '/models/m';

function thrown(name: string, message: string, stack: string): Error {
  return Object.assign(new Error(message), { name, stack });
}

test('an error is told with its place in the folder of the model, own files before packages', () => {
  const frames = [
    'TypeError: x is not a function',
    '    at inner (file:///models/m/node_modules/p/main.js:3:4)',
    '    at Object.before (file:///models/m/transform.ts:12:5)',
    '    at CallRunner.run (file:///app/models/transforms/call-runner.js:1:2)',
  ].join('\n');
  const error = thrown('TypeError', 'x is not a function', frames);
  assert.equal(describeError(error, folder), 'TypeError: x is not a function (transform.ts:12:5)');
  const asynchronous = thrown('Error', 'no', 'Error: no\n    at async file:///models/m/lib/a.ts:7:9');
  assert.equal(describeError(asynchronous, folder), 'Error: no (lib/a.ts:7:9)');
  const elsewhere = thrown('Error', 'no', 'Error: no\n    at file:///models/other/transform.ts:1:1');
  assert.equal(describeError(elsewhere, folder), 'Error: no');
});

test('a syntax error is told with the line that Node put in front of it', () => {
  const stack = '/models/m/transform.ts:2\nenum X { A }\n^^^^\n\nSyntaxError [CODE]: no enum\n    at node:internal:1:1';
  const error = Object.assign(thrown('SyntaxError', 'no enum', stack), { code: 'CODE' });
  assert.equal(describeError(error, folder), 'SyntaxError [CODE]: no enum (transform.ts:2)');
});

test('what is no error, and what is too long, is told on one short line', () => {
  assert.equal(describeError('not today', folder), 'threw "not today", which is no Error');
  assert.equal(describeError(undefined, folder), 'threw undefined, which is no Error');
  const long = describeError(thrown('Error', 'a\n b'.repeat(400), ''), folder);
  assert.equal(long.length, 600);
  assert.doesNotMatch(long, /\n/);
});

test('the end of a process is told by its exit and what it wrote last', () => {
  const exit = (code: number | null, signal: string | null, text: string) =>
    describeExit({ code, signal }, text, folder);
  assert.equal(exit(null, 'SIGKILL', ''), 'its process was killed by SIGKILL');
  assert.equal(exit(3, null, 'chatter\n'), 'its process ended with exit code 3');
  assert.equal(
    exit(3, null, 'process.exit(3) was called (transform.ts:8:3)\n'),
    'its process ended with exit code 3: process.exit(3) was called (transform.ts:8:3)',
  );
  assert.equal(
    exit(
      1,
      null,
      'file:///models/m/transform.ts:8\n  throw x;\n  ^\n\nTypeError: late\n    at a (file:///models/m/transform.ts:8:2)\n',
    ),
    'its process ended with exit code 1: TypeError: late (transform.ts:8)',
  );
  assert.equal(
    exit(null, 'SIGABRT', '<--- Last few GCs --->\nFATAL ERROR: Reached heap limit Allocation failed\n'),
    'its process was killed by SIGABRT: FATAL ERROR: Reached heap limit Allocation failed',
  );
});
