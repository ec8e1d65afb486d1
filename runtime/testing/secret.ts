/** A shared secret for tests that start servers, with the header that carries it. */
import { authorizationOf } from '../../contract/shared-secret.ts';
import type { GuardOptions } from '../http/guard.ts';
import { SharedSecret } from '../http/shared-secret.ts';

export const testSecret = 'of-tests-and-nothing-else';
export const withTestSecret = { authorization: authorizationOf(testSecret) } as const;

export function testGuard(): GuardOptions {
  return { secret: new SharedSecret([testSecret]), acceptsPeersWithoutSecret: false };
}
