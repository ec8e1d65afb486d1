import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorizationOf, maxAuthorizationLength, parseSecret } from './shared-secret.ts';

const first = 'a'.repeat(16);
const second = 'B-._~+/=0123456789';

test('a secret may end with line breaks, and have several lines of which the first is sent', () => {
  for (const [text, lines] of [
    [first, [first]],
    [`${first}\n`, [first]],
    [`${first}\r\n\r\n`, [first]],
    [`${first}\n${second}\n`, [first, second]],
    [`${first}\r\n${second}`, [first, second]],
    ['x'.repeat(256), ['x'.repeat(256)]],
  ] as const) {
    assert.deepEqual(parseSecret(text), { lines, error: null });
  }
  assert.equal(authorizationOf('x'.repeat(256)).length, maxAuthorizationLength);
});

test('what can be guessed or can be no header is refused, and no message quotes it', () => {
  for (const [text, error] of [
    ['', /^must have 16 to 256 characters, has 0$/],
    ['\n', /has 0$/],
    ['hunter2hunter2', /^must have 16 to 256 characters, has 14$/],
    ['x'.repeat(257), /has 257$/],
    ['hunter2 hunter2 hunter2', /^must be visible ASCII characters without spaces$/],
    ['hunter2hunter2hünter2', /visible ASCII/],
    ['hunter2hunter2hunter2\0', /visible ASCII/],
    [`${first}\nhunter2`, /^line 2 must have 16 to 256 characters, has 7$/],
    [`${first}\n\n${second}`, /^line 2 must have/],
    [`${first}\n`.repeat(5), /^must have at most 4 lines, has 5$/],
  ] as const) {
    const parsed = parseSecret(text);
    assert.equal(parsed.lines, null, JSON.stringify(text));
    assert.match(parsed.error, error);
    assert.doesNotMatch(parsed.error, /hunter2/);
  }
});
