import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyShape, axisOne, lowerCase, typesEcho } from '../author/fixtures.ts';
import { bytesOf } from '../proof/graph/bytes.ts';
import { shapelessNames } from './missing-shapes.ts';

test('values without a shape are told from scalars and from those that have axes', () => {
  assert.deepEqual([...shapelessNames(bytesOf(anyShape()))], ['x', 'y']);
  for (const model of [axisOne(), lowerCase(), typesEcho()]) assert.equal(shapelessNames(bytesOf(model)).size, 0);
});
