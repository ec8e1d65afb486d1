import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { explainExit, nextErrorText, parseLogLine, renderJson, renderPretty, type ErrorText } from './log-lines.ts';

const pretty = (line: string) => stripVTControlCharacters(renderPretty('langid-x7f2', line));

test('a log line becomes level, message and fields', () => {
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

test('an error shows its message, with the stack below', () => {
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

test('other lines are passed on unchanged, and none throws', () => {
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

test('a JSON line has its source', () => {
  assert.deepEqual(JSON.parse(renderJson('p-1', '{"level":30,"msg":"m"}', 0)), { source: 'p-1', level: 30, msg: 'm' });
  assert.deepEqual(JSON.parse(renderJson('p-1', 'text', 5)), { source: 'p-1', level: 30, time: 5, msg: 'text' });
});

function reasonOf(stream: 'stdout' | 'stderr', ...lines: string[]): string | undefined {
  return lines.reduce<ErrorText | null>((text, line) => nextErrorText(text, line, stream), null)?.text;
}
const logged = (level: number, msg: string, message?: string) =>
  JSON.stringify({ level, msg, ...(message === undefined ? {} : { err: { message } }) });

test('an exit is explained by the last fatal error, else the last error', () => {
  assert.equal(
    reasonOf('stdout', logged(60, 'cannot load', 'no such file'), logged(50, 'lost'), logged(30, 'bye')),
    'cannot load: no such file',
  );
  assert.equal(reasonOf('stdout', logged(50, 'first'), logged(50, 'second'), 'text'), 'second');
  assert.equal(reasonOf('stdout', logged(30, 'fine')), undefined);
});

test('an exit without logged errors is explained by the message of a stack trace', () => {
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
  assert.equal(reasonOf('stderr', ...trace), 'boom');
  assert.equal(explainExit('exit code 1', nextErrorText(null, 'Error: boom', 'stderr')), 'exit code 1 (boom)');
  assert.equal(explainExit('exit code 1', null), 'exit code 1');
});
