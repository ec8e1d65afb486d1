import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpText, parsePeersCommand } from './args.ts';

const known = ['one', 'two', 'three'];

test('peers run in their own order, each once, and all means each', () => {
  const names = (...args: string[]) => {
    const command = parsePeersCommand(args, known);
    return command.kind === 'run' ? command.names : command.kind;
  };
  assert.deepEqual(names('two'), ['two']);
  assert.deepEqual(names('three', 'one', 'one'), ['one', 'three']);
  assert.deepEqual(names('all'), known);
  assert.deepEqual(names('two', 'all'), known);
  assert.deepEqual(names('--help'), 'help');
});

test('nothing is written or shortened unless asked for', () => {
  assert.deepEqual(parsePeersCommand(['one'], known), { kind: 'run', names: ['one'], quick: false, write: false });
  assert.deepEqual(parsePeersCommand(['one', '--quick', '--write'], known), {
    kind: 'run',
    names: ['one'],
    quick: true,
    write: true,
  });
});

test('an unknown name, flag or none at all is an error that says what there is', () => {
  assert.throws(
    () => parsePeersCommand(['four', 'one', 'five'], known),
    /knows no four, five; .* one, two, three, or all/,
  );
  assert.throws(() => parsePeersCommand([], known), /names no peer; the peers are one, two, three, or all/);
  assert.throws(() => parsePeersCommand(['one', '--fast'], known), /--fast/);
  assert.match(helpText(known), /one, two, three, or all/);
});
