import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CrashFold } from './crash-fold.ts';

function folded() {
  const shown: string[] = [];
  const fold = new CrashFold({
    onLine: (line) => shown.push(line),
    onWarning: (message) => shown.push(`! ${message}`),
  });
  const crash = (exit: string, ...lines: readonly string[]): void => {
    for (const line of lines) fold.line(line);
    fold.exited(exit, exit);
  };
  return { fold, shown, crash };
}

test('two exits for one reason are whole, then a line each time their number has doubled', () => {
  const { shown, crash } = folded();
  for (let count = 1; count <= 20; count += 1) crash('exit code 1', `start ${count}`, 'stack');
  const times = (count: number) => `! exit code 1 (${count} times now; the output of repetitions is left out)`;
  assert.deepEqual(shown, [
    'start 1',
    'stack',
    '! exit code 1',
    'start 2',
    'stack',
    '! exit code 1',
    times(4),
    times(8),
    times(16),
  ]);
});

test('another reason is shown whole, and counts from one', () => {
  const { shown, crash } = folded();
  for (let count = 1; count <= 3; count += 1) crash('exit code 1', `a${count}`);
  crash('killed', 'b1');
  crash('killed', 'b2');
  assert.deepEqual(shown.slice(4), ['b1', '! killed', 'b2', '! killed']);
});

test('a process that becomes ready is shown with its whole start, and what follows as it comes', () => {
  const { fold, shown, crash } = folded();
  for (let count = 1; count <= 3; count += 1) crash('exit code 1', 'x');
  shown.length = 0;
  fold.line('listening');
  assert.deepEqual(shown, []);
  fold.ready();
  fold.line('serving');
  assert.deepEqual(shown, ['listening', 'serving']);
  crash('exit code 1', 'y');
  assert.deepEqual(shown.slice(2), ['y', '! exit code 1']);
});

test('a process that says much is shown even before it is ready', () => {
  const { fold, shown, crash } = folded();
  for (let count = 1; count <= 3; count += 1) crash('exit code 1', 'x');
  shown.length = 0;
  for (let line = 0; line < 300; line += 1) fold.line(String(line));
  assert.equal(shown.length, 300);
});
