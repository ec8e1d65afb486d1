import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorizationOf } from '../../contract/shared-secret.ts';
import { SharedSecret } from './shared-secret.ts';

const one = 'one-secret-of-many';
const two = 'two-secrets-of-many';

test('each line matches, the first is sent, and a replacement counts at once', () => {
  const secret = new SharedSecret([one, two]);
  assert.equal(secret.authorization, `Bearer ${one}`);
  assert.deepEqual(
    [one, two].map((line) => secret.matches(authorizationOf(line))),
    [true, true],
  );
  secret.replace([two]);
  assert.equal(secret.authorization, `Bearer ${two}`);
  assert.deepEqual(
    [one, two].map((line) => secret.matches(authorizationOf(line))),
    [false, true],
  );
});

test('nothing but the whole secret matches, whatever was compared before', () => {
  const secret = new SharedSecret([one]);
  const right = authorizationOf(one);
  const wrong = [
    undefined,
    '',
    one,
    'Bearer',
    'Bearer ',
    right.slice(0, -1),
    `${right}x`,
    `${right} `,
    right.toLowerCase() === right ? right.toUpperCase() : right.toLowerCase(),
    `Basic ${one}`,
    authorizationOf(two),
    'x'.repeat(100_000),
    right.padEnd(263, '\0').slice(0, -1) + 'x',
    // Characters that share their low byte with those of the secret.
    right.replaceAll(/./g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 256)),
  ];
  for (const header of wrong) {
    assert.equal(secret.matches(header), false, JSON.stringify(header?.slice(0, 60)));
    assert.equal(secret.matches(right), true);
  }
});

test('without a secret nothing is sent, and nobody is accepted', () => {
  const none = new SharedSecret();
  assert.equal(none.authorization, null);
  for (const header of [undefined, '', 'Bearer ', 'Bearer undefined', 'Bearer null', '\0']) {
    assert.equal(none.matches(header), false);
  }
});
