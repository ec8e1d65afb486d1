import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { nextErrorText, parseLogLine, renderJson, renderPretty } from './log-lines.ts';

const pretty = (line: string) => stripVTControlCharacters(renderPretty('langid-x7f2', line));

test('a log line becomes level, message and what else it says', () => {
  const line = JSON.stringify({
    level: 30,
    time: 1,
    pid: 2,
    hostname: 'h',
    model: 'langid',
    maxRows: 64,
    msg: 'model ready',
  });
  assert.equal(pretty(line), 'langid-x7f2 | info model ready, model langid, maxRows 64');
});

test('an error shows its message, and its stack below', () => {
  const err = { type: 'Error', message: 'bad file', stack: 'Error: bad file\n    at load (a.ts:1:1)' };
  assert.equal(
    pretty(JSON.stringify({ level: 50, err, msg: 'cannot load' })),
    'langid-x7f2 | error cannot load, bad file\nlangid-x7f2 |     at load (a.ts:1:1)',
  );
  assert.equal(
    pretty(JSON.stringify({ level: 40, err, msg: 'cannot load' })),
    'langid-x7f2 | warn cannot load, bad file',
  );
});

test('any other line is passed on as it is, and none throws', () => {
  assert.equal(pretty('Killed'), 'langid-x7f2 | Killed');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.string().map((text) => `{${text}`),
      ),
      (line) => {
        if (parseLogLine(line) === null) assert.equal(pretty(line), `langid-x7f2 | ${stripVTControlCharacters(line)}`);
        JSON.parse(renderJson('p', line, 0));
      },
    ),
  );
});

test('as JSON each line names its source', () => {
  assert.deepEqual(JSON.parse(renderJson('p-1', '{"level":30,"msg":"m"}', 0)), { source: 'p-1', level: 30, msg: 'm' });
  assert.deepEqual(JSON.parse(renderJson('p-1', 'text', 5)), { source: 'p-1', level: 30, time: 5, msg: 'text' });
});

test('the reason of an end is the last error logged', () => {
  const lines = ['{"level":60,"msg":"cannot load","err":{"message":"no such file"}}', '{"level":30,"msg":"bye"}'];
  assert.equal(
    lines.reduce<string | null>((text, line) => nextErrorText(text, line, 'stdout'), null),
    'cannot load: no such file',
  );
});

test('or the line of a stack trace that says what went wrong', () => {
  const trace = [
    'file:///x/y.ts:3',
    "  throw new Error('boom');",
    '        ^',
    '',
    'Error: boom',
    '    at main (file:///x/y.ts:3:9)',
    '',
    'Node.js v24.21.0',
  ];
  assert.equal(
    trace.reduce<string | null>((text, line) => nextErrorText(text, line, 'stderr'), null),
    'boom',
  );
});
