import assert from 'node:assert/strict';
import test from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { SluiceError } from '../contract/errors.ts';
import { decompress } from './decompress.ts';

const text = Buffer.from('{"instances":["Bonjour"]}'.repeat(20));

for (const [title, encoding, body] of [
  ['none', undefined, text],
  ['identity', 'identity', text],
  ['gzip', 'gzip', gzipSync(text)],
  ['gzip, in other letters', ' X-GZIP ', gzipSync(text)],
  ['deflate in zlib form', 'deflate', deflateSync(text)],
  ['deflate without its header', 'deflate', deflateRawSync(text)],
  ['deflate at other levels', 'Deflate', deflateSync(text, { level: 0 })],
] as const) {
  test(`reads ${title}`, async () => {
    assert.deepEqual(await decompress(body, encoding, text.length), text);
  });

  test(`stops at the limit: ${title}`, async () => {
    await assert.rejects(decompress(body, encoding, text.length - 1), { code: 'body-too-large', status: 413 });
  });
}

test('a bomb is not inflated', async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  const before = process.memoryUsage().arrayBuffers;
  await assert.rejects(decompress(bomb, 'gzip', 1000), { code: 'body-too-large' });
  assert.ok(process.memoryUsage().arrayBuffers - before < 10_000_000);
});

test('a body that is broken, cut off or not compressed is refused', async () => {
  const whole = gzipSync(text);
  for (const body of [
    whole.subarray(0, -1),
    whole.subarray(4),
    Buffer.alloc(0),
    text,
    Buffer.concat([whole, Buffer.from('more')]),
  ]) {
    await assert.rejects(decompress(body, 'gzip', 1000), {
      code: 'invalid-encoding',
      message: /^Content-Encoding "gzip": /,
    });
  }
  await assert.rejects(decompress(Buffer.from('not deflated'), 'deflate', 1000), { code: 'invalid-encoding' });
});

test('bodies are inflated in turn, but not those that nobody wants any more', async () => {
  const bomb = gzipSync(Buffer.alloc(20_000_000));
  const controller = new AbortController();
  const first = [decompress(bomb, 'gzip', 20_000_000), decompress(bomb, 'gzip', 20_000_000)];
  const unwanted = decompress(bomb, 'gzip', 20_000_000, controller.signal);
  const last = decompress(gzipSync(text), 'gzip', 1000);
  controller.abort();
  await assert.rejects(unwanted, { name: 'AbortError' });
  assert.deepEqual(await last, text);
  for (const body of await Promise.all(first)) assert.equal(body.length, 20_000_000);
});

test('an unknown encoding is named', async () => {
  await assert.rejects(decompress(text, 'br', 1000), {
    code: 'unsupported-media-type',
    message: 'Content-Encoding: must be gzip, deflate or identity, was: "br"',
  });
});

test('any bytes end in a body within the limit or an error for the client', async () => {
  const encoding = fc.constantFrom('gzip', 'deflate', 'br', '');
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), encoding, async (bytes, name) => {
      try {
        assert.ok((await decompress(Buffer.from(bytes), name, 100)).length <= 100);
      } catch (error) {
        assert.ok(error instanceof SluiceError && error.status < 500);
      }
    }),
  );
});
