/** How a guide is read and compared, with faults of every kind planted; and the guides themselves, as far as that needs no network. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { readPage } from '../support/guide.ts';
import { difference, stepsOf } from './steps.ts';

const pages = readdirSync(new URL('../../docs/guides', import.meta.url));

test('steps come in the order of the page, each command with what it prints', () => {
  const page =
    '`a.py`:\n\n```python\nx = 1\n```\n\n```sh\npython a.py\n```\n\n```json\n[1]\n```\n\n```sh\nls\n```\n\n```text\na\nb …\n```\n';
  assert.deepEqual(stepsOf(page), [
    { kind: 'file', name: 'a.py', text: 'x = 1\n' },
    { kind: 'command', command: 'python a.py', expected: { kind: 'json', value: [1] } },
    { kind: 'command', command: 'ls', expected: { kind: 'text', lines: ['a', 'b …'] } },
  ]);
});

test('a block that nothing runs is refused', () => {
  for (const page of [
    '```python\nx = 1\n```\n',
    '```\nnpm start\n```\n',
    '```text\nprinted by nothing\n```\n',
    '```sh\nls\n```\n\n```json\n1\n```\n\n```json\n2\n```\n',
  ])
    assert.throws(() => stepsOf(page), /neither a file, nor a command/);
});

test('answers in JSON are compared in every field, numbers within rounding', () => {
  const value = { predictions: [{ label: 'setosa', scores: [0.98, 12_000] }, null] };
  const wrong = (answer: string) => difference({ kind: 'json', value }, answer);
  assert.equal(wrong('{"predictions":[{"label":"setosa","scores":[0.9804,12003]},null]}'), undefined);
  assert.equal(
    wrong('{"predictions":[{"label":"setosa","scores":[0.982,12000]},null]}'),
    'answer.predictions.0.scores.0 is 0.982, the page says 0.98',
  );
  assert.match(wrong('{"predictions":[{"label":"virginica","scores":[0.98,12000]},null]}')!, /label is "virginica"/);
  assert.match(wrong('{"predictions":[{"label":"setosa","scores":[0.98]},null]}')!, /scores.1 is undefined/);
  assert.match(wrong('{"predictions":[{"label":"setosa","scores":[0.98,12000,1]},null]}')!, /scores.2 is 1/);
  assert.match(wrong('{"predictions":[{"label":"setosa","scores":[null,12000]},null]}')!, /scores.0 is null/);
  assert.equal(wrong('not found'), 'no JSON: not found');
});

test('printed lines are compared in their order, whole, whatever aligns them', () => {
  const lines = ['errors 0', 'iris … 2/2', 'done (1.0)'];
  const wrong = (output: string) => difference({ kind: 'text', lines }, output)?.split('\n', 1)[0];
  assert.equal(wrong('first\n  errors     0\nbetween\niris  ready 2/2\ndone (1.0)\n'), undefined);
  assert.equal(wrong('errors 01\niris ready 2/2\ndone (1.0)'), "there is no line 'errors 0' in:");
  assert.equal(wrong('errors 0\niris ready 1/2\ndone (1.0)'), "there is no line 'iris … 2/2' in:");
  assert.equal(wrong('errors 0\ndone (1.0)\niris ready 2/2'), "there is no line 'done (1.0)' in:");
  assert.equal(wrong('errors 0\niris ready 2/2\ndone (100)'), "there is no line 'done (1.0)' in:");
});

test('each guide goes from an install with exact versions to answers and a scaled pool', () => {
  for (const page of pages) {
    const commands = stepsOf(readPage(`guides/${page}`)).filter((step) => step.kind === 'command');
    const answered = (start: string) => commands.filter(({ command }) => command.startsWith(start));
    const [install] = commands.filter(({ command }) => command.includes('pip install'));
    const packages = /pip install (.*)$/m.exec(install!.command)![1]!.split(' ');
    for (const each of packages) assert.match(each, /^[a-z0-9-]+==[\d.]+$/, page);
    for (const start of [
      'curl ',
      'npx sluice up',
      'npx sluice bench',
      'npx sluice pools',
      '.venv/bin/python check.py',
    ]) {
      assert.ok(answered(start).length > 0, `${page} has ${start}`);
      for (const { command, expected } of answered(start)) assert.ok(expected, `${page} shows what ${command} prints`);
    }
  }
  assert.ok(pages.length > 0);
});
