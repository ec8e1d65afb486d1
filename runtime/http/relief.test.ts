/** Whom to cut when too much is left unread: those that stand still and hold more than their share, the largest holder first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseCuts, looksToStand, type UnreadConnection } from './relief.ts';

interface Named extends UnreadConnection {
  readonly name: string;
}

const limit = { maxBytes: 100, leftBytes: 25 };
const holders = new Map<string, object>();
/** `a1` and `a2` belong to one holder. */
function connection(name: string, pendingBytes: number, stoodLooks = looksToStand): Named {
  const key = name[0]!;
  if (!holders.has(key)) holders.set(key, {});
  return { name, holder: holders.get(key)!, pendingBytes, stoodLooks };
}
const cuts = (...connections: readonly Named[]): string =>
  chooseCuts(connections, limit)
    .map(({ name }) => name)
    .join();

test('nobody is cut up to the limit', () => {
  assert.equal(cuts(connection('a1', 60), connection('b1', 40)), '');
  assert.equal(cuts(), '');
});

test('the largest are cut, until a quarter of the limit is left', () => {
  assert.equal(cuts(connection('a1', 20), connection('a2', 50), connection('a3', 40)), 'a2,a3');
});

test('the holder of most comes first, however small its connections are', () => {
  const many = Array.from({ length: 30 }, (_, index) => connection(`a${index}`, 10));
  const few = [connection('b1', 60), connection('c1', 1)];
  assert.ok(!cuts(...few, ...many.slice(0, 29)).includes('c1'));
  assert.deepEqual(
    cuts(...few, ...many)
      .split(',')
      .slice(0, 30),
    many.map(({ name }) => name),
  );
});

test('who reads is not cut, and neither is who has stood still for a short time', () => {
  assert.equal(cuts(connection('a1', 500, 0), connection('a2', 500, looksToStand - 1), connection('b1', 90)), 'b1');
});

test('a holder of no more than its share is not cut, though nothing else can be', () => {
  const attackers = [connection('a1', 300, 0), connection('b1', 300, 0)];
  assert.equal(cuts(...attackers, connection('c1', 33)), '');
  assert.equal(cuts(...attackers, connection('c1', 34)), 'c1');
});

test('who has taken everything takes no share from others', () => {
  const idle = Array.from({ length: 1_000 }, (_, index) => ({ ...connection('z', 0), holder: { index } }));
  assert.equal(cuts(...idle, connection('a1', 300, 0), connection('b1', 40)), '');
});
