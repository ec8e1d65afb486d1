import assert from 'node:assert/strict';
import test from 'node:test';
import type { Look } from './look.ts';
import { Settling, type Settled } from './settling.ts';

/** A look at one model: prints of its versions. */
const lookOf = (versions: Record<string, string>, beside = ''): Look =>
  new Map(Object.keys(versions).length === 0 ? [] : [['m', { beside, versions: new Map(Object.entries(versions)) }]]);
const known = (...versions: string[]) => versions.map((version) => ({ name: 'm', version }));
const settledIn = ({ versions }: Settled): string => versions.map(({ version, own }) => `${version}=${own}`).join(' ');
const goneIn = ({ gone }: Settled): string => gone.map(({ version }) => version).join(' ');

test('a version is read once two looks, a second apart, have found the same files', () => {
  const settling = new Settling();
  const see = (print: string, nowMs: number) => settling.see(lookOf({ 1: 'a', 2: print }), [], nowMs);
  assert.deepEqual([settledIn(see('1 byte', 0)), see('1 byte', 100).isChanging], ['', true]);
  assert.equal(settledIn(see('2 bytes', 1_000)), '1=a');
  assert.equal(settledIn(see('3 bytes', 2_000)), '1=a', 'it still grows');
  assert.equal(settledIn(see('3 bytes', 2_500)), '1=a');
  const last = see('3 bytes', 3_000);
  assert.deepEqual([settledIn(last), last.isChanging], ['1=a 2=3 bytes', false]);
  assert.equal(settledIn(see('4 bytes', 9_000)), '1=a', 'it is written anew');
});

test('a change beside the versions unsettles all of them', () => {
  const settling = new Settling();
  for (const nowMs of [0, 1_000]) settling.see(lookOf({ 1: 'a' }, 'config 1'), [], nowMs);
  assert.equal(settledIn(settling.see(lookOf({ 1: 'a' }, 'config 2'), [], 2_000)), '');
  assert.equal(settledIn(settling.see(lookOf({ 1: 'a' }, 'config 2'), [], 3_000)), '1=a');
});

test('a version is gone after ten seconds and three looks, not for a moment', () => {
  const settling = new Settling();
  const see = (versions: Record<string, string>, nowMs: number) =>
    settling.see(lookOf(versions), known('1', '2'), nowMs);
  assert.equal(goneIn(see({ 1: 'a' }, 0)), '');
  assert.equal(goneIn(see({ 1: 'a' }, 5_000)), '');
  assert.equal(goneIn(see({ 1: 'a', 2: 'b' }, 9_000)), '', 'it is back');
  assert.equal(goneIn(see({ 1: 'a' }, 10_000)), '');
  assert.equal(goneIn(see({ 1: 'a' }, 30_000)), '', 'two looks far apart are too few');
  assert.equal(goneIn(see({ 1: 'a' }, 30_001)), '2');
});

test('a version that two looks have missed is not preferred any more, long before it is gone', () => {
  const settling = new Settling();
  const see = (versions: Record<string, string>, nowMs: number) => {
    const { missing, isChanging } = settling.see(lookOf(versions), known('1', '2'), nowMs);
    return `${missing.map(({ version }) => version).join(' ')} ${isChanging ? 'look soon' : ''}`;
  };
  see({ 1: 'a', 2: 'b' }, 0);
  assert.equal(see({ 1: 'a', 2: 'b' }, 1_000), ' ');
  assert.equal(see({ 1: 'a' }, 2_000), ' look soon');
  assert.equal(see({ 1: 'a' }, 3_000), '2 ');
  see({ 1: 'a', 2: 'b' }, 4_000);
  assert.equal(see({ 1: 'a', 2: 'b' }, 5_000), ' ', 'it is back');
});

test('a repository without any version is away, and says nothing of what is loaded', () => {
  const settling = new Settling();
  for (const nowMs of [0, 20_000, 40_000, 60_000]) {
    assert.equal(goneIn(settling.see(lookOf({}), known('1', '2'), nowMs)), '');
  }
});
