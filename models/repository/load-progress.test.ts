import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadProgress } from './load-progress.ts';

test('the count is told when it has changed, and repeated when a load takes long', () => {
  const progress = new LoadProgress(4, 0);
  progress.began('a');
  progress.began('b');
  assert.equal(progress.line(1_000), null, 'nothing is loaded yet, and nothing takes long');
  progress.ended('a', 'loaded');
  progress.began('c');
  assert.equal(progress.line(2_000), '1 of 4 models loaded; loading b, c');
  assert.equal(progress.line(3_000), null);
  assert.equal(progress.line(11_999), null);
  assert.equal(progress.line(12_000), '1 of 4 models loaded; loading b, c');
  progress.ended('c', 'broken');
  progress.ended('b', 'again');
  progress.began('d');
  assert.equal(progress.line(13_000), '1 of 4 models loaded, 1 not served; loading d');
  progress.ended('d', 'loaded');
  progress.began('b');
  assert.equal(progress.line(14_000), '2 of 4 models loaded, 1 not served; loading b');
  progress.ended('b', 'loaded');
  assert.equal(progress.line(15_000), null, 'the start is over');
});
