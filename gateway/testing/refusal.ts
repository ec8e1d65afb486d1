/** Refusals as tests see them: the SluiceError that an act throws. */
import assert from 'node:assert/strict';
import { SluiceError } from '../../contract/errors.ts';

export function refusalOf(act: () => unknown): SluiceError {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof SluiceError);
    return error;
  }
  throw new Error('nothing was refused');
}
