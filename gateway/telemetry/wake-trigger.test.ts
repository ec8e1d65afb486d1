import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WakeTrigger } from './wake-trigger.ts';

test('the scaler is told of a wait beyond what is allowed, of twice that, and anew once it was allowed again', () => {
  const wakeTrigger = new WakeTrigger();
  const told = (waitsMs: readonly number[]): number[] =>
    waitsMs.filter((waitMs) => wakeTrigger.isDue(false, waitMs, 100));
  assert.deepEqual(told([50, 100, 101, 150, 202, 203, 300, 407]), [101, 203, 407]);
  assert.deepEqual(told([101, 100, 101, 102]), [101]);
});

test('the scaler is told once that there is no pod, and again after there was one', () => {
  const wakeTrigger = new WakeTrigger();
  const none = (podless: boolean): boolean => wakeTrigger.isDue(podless, 0, 100);
  assert.deepEqual([false, true, true, false, true].map(none), [false, true, false, false, true]);
});

test('a regular check and a request that finds no pod tell it once between them', () => {
  const wakeTrigger = new WakeTrigger();
  assert.deepEqual(
    [wakeTrigger.isPodless(true), wakeTrigger.isDue(true, 0, 100), wakeTrigger.isPodless(true)],
    [true, false, false],
  );
  assert.deepEqual([wakeTrigger.isPodless(false), wakeTrigger.isDue(true, 0, 100)], [false, true]);
});

test('no pod and a long wait at the same time count as told together', () => {
  const wakeTrigger = new WakeTrigger();
  assert.deepEqual([wakeTrigger.isDue(true, 150, 100), wakeTrigger.isDue(true, 250, 100)], [true, false]);
});
