import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { Progress, type RunEvents } from './progress.ts';

/** Follows one file after the other, each of which takes so many seconds. @returns what was printed, and whether all passed */
async function printed(files: Readonly<Record<string, number>>, failing?: string) {
  let nowMs = 0;
  const lines: string[] = [];
  const options = { files: Object.keys(files), partOf: (file: string) => file, nowMs: () => nowMs };
  const progress = new Progress({ ...options, print: (line) => lines.push(line) });
  for (const [file, seconds] of Object.entries(files)) {
    const events = Object.assign(new EventEmitter(), { resume: () => events }) as unknown as RunEvents & EventEmitter;
    const followed = progress.follow(events);
    events.emit('test:dequeue', { nesting: 0, name: file });
    nowMs += 1000 * seconds;
    const details = file === failing ? { error: new Error('broken') } : {};
    events.emit('test:complete', { name: 'it works', nesting: 1, file, line: 3, details });
    events.emit('test:complete', { name: file, nesting: 0, file, details: { type: 'suite' } });
    events.emit('end');
    await followed;
  }
  return { passed: progress.finish(), text: lines.join('\n') };
}

test('the ten slowest of many files are named at the end, the slowest first', async () => {
  const files = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`${index}.test.ts`, index + 1]));
  const { passed, text } = await printed(files);
  assert.ok(passed);
  const named = text.slice(text.indexOf('slowest:')).match(/\d+\.test\.ts/g);
  assert.deepEqual(
    named,
    Array.from({ length: 10 }, (_, index) => `${11 - index}.test.ts`),
  );
  assert.match(text, /\n {3}12\.0 s {2}11\.test\.ts\n/);
  assert.match(text, /✔ 12 tests, 0 failed, 0 skipped, in 1:18 min$/);
});

test('a failure is printed at once and again at the end, with its place', async () => {
  const { passed, text } = await printed({ 'good.test.ts': 1, 'bad.test.ts': 2 }, 'bad.test.ts');
  assert.equal(passed, false);
  assert.match(text, /^✖ it works \(bad\.test\.ts\)$/m);
  assert.match(text, /failing tests:\n\n✖ it works \(bad\.test\.ts:3\)\nError: broken/);
  assert.doesNotMatch(text, /slowest/);
});

test('a test that stands in a file of shared tests counts for the file that runs it', async () => {
  const lines: string[] = [];
  const options = { files: ['kept.test.ts'], partOf: (file: string) => file, nowMs: () => 0 };
  const progress = new Progress({ ...options, print: (line) => lines.push(line) });
  const events = Object.assign(new EventEmitter(), { resume: () => events }) as unknown as RunEvents & EventEmitter;
  const followed = progress.follow(events);
  events.emit('test:dequeue', { nesting: 0, name: 'kept.test.ts' });
  const error = new Error('broken');
  events.emit('test:complete', { name: 'holds', nesting: 1, file: 'contract.ts', line: 3, details: { error } });
  events.emit('test:complete', { name: 'kept.test.ts', nesting: 0, file: 'kept.test.ts', details: { type: 'suite' } });
  events.emit('end');
  await followed;
  assert.equal(progress.finish(), false);
  assert.match(lines.join('\n'), /^✖ kept\.test\.ts: 1 tests, 1 FAILED/m);
});
