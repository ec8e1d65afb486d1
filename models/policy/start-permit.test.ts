/** Permission to load a version at the start, by the wish of the pool and by how the process before ended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VersionWish, WishedModel } from '../../contract/model-versions.ts';
import { startPermits } from './start-permit.ts';

const id = (text: string) => ({ version: text.slice(0, 1), hash: text.slice(1).repeat(64) });
const here = (text: string) => ({ name: 'm', ...id(text) });
const wishOf = (more: Partial<WishedModel>): VersionWish => ({
  term: 1,
  generation: 1,
  models: [{ name: 'm', default: id('1a'), load: [], banned: [], ...more }],
});

function permits(found: string, wish: Partial<WishedModel> | null, suspects = ''): string {
  const conditions = {
    wish: wish === null ? null : wishOf(wish),
    suspects: suspects.split(' ').filter(Boolean).map(here),
  };
  return startPermits(found.split(' ').map(here), conditions)
    .map(({ kind }) => kind)
    .join(' ');
}

test('a version waits until the pool names it, with its content', () => {
  assert.equal(permits('1a 2b', {}), 'load wait');
  assert.equal(permits('1a 2b', { load: [id('2b')] }), 'load load');
  assert.equal(permits('1a 2b', { tries: [id('2b')] }), 'load load');
  assert.equal(permits('1a 2c', { load: [id('2b')] }), 'load wait', 'other content under the number');
  assert.equal(permits('1a 2b', { default: null }), 'load load', 'nothing serves yet');
  assert.equal(permits('1a 2b', { load: [id('2b')], banned: [{ ...id('2b'), reason: 'bad' }] }), 'load ban');
  assert.equal(permits('1a 2b', null), 'load load', 'nobody leads the pool');
});

test('a version whose load ended the process is not tried again, unless the pool has proven it', () => {
  assert.equal(permits('1a 2b', null, '2b'), 'load ban');
  assert.equal(permits('1a 2b', { tries: [id('2b')] }, '2b'), 'load ban', 'to be tried is not to be proven');
  assert.equal(permits('1a 2b', { default: null, tries: [id('2b')] }, '2b'), 'load ban');
  assert.equal(permits('1a 2b', { load: [id('2b')] }, '2b'), 'load load');
  assert.equal(permits('2b', { default: id('2b') }, '2b'), 'load');
  assert.equal(permits('1a 2c', null, '2b'), 'load load', 'its content has changed');
});

test('a pod that would load nothing tries what it suspects, but nothing that the pool has banned', () => {
  assert.equal(permits('2b', null, '2b'), 'load');
  assert.equal(permits('2b 3c', { default: null, banned: [{ ...id('3c'), reason: 'bad' }] }, '2b'), 'load ban');
});
