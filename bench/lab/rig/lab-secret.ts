/** The shared secret of the systems that the laboratory starts, so that it can send envelopes to their pods itself. */
import { randomBytes } from 'node:crypto';

export const labSecret = randomBytes(32).toString('hex');
