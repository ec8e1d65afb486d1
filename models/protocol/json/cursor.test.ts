import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import { SluiceError } from '../../../contract/errors.ts';
import { code } from './codes.ts';
import { JsonCursor, maxDepth } from './cursor.ts';
import { applyEdits, edits } from '../tensors.fixture.ts';

/** Builds what JSON.parse builds, out of the cursor's own steps. */
function build(cursor: JsonCursor): unknown {
  switch (cursor.peek()) {
    case code.openObject: {
      const members: [string, unknown][] = [];
      cursor.object((key) => members.push([key, build(cursor)]));
      return Object.fromEntries(members);
    }
    case code.openArray: {
      const elements: unknown[] = [];
      cursor.array(() => elements.push(build(cursor)));
      return elements;
    }
    case code.quote:
      return cursor.string();
    default: {
      const byte = cursor.peek();
      return byte === code.minus || (byte >= code.zero && byte <= code.nine) ? cursor.number() : cursor.value();
    }
  }
}

function whole(bytes: Buffer, read: (cursor: JsonCursor) => unknown): unknown {
  const cursor = new JsonCursor(bytes);
  const value = read(cursor);
  cursor.finish();
  return value;
}

type Outcome = { readonly value: unknown } | 'refused';

function outcome(read: () => unknown): Outcome {
  try {
    return { value: read() };
  } catch (error) {
    assert.ok(
      error instanceof SyntaxError || (error instanceof SluiceError && error.code === 'invalid-json'),
      String(error),
    );
    return 'refused';
  }
}

function sameAsJsonParse(bytes: Buffer): void {
  const expected = isUtf8(bytes) ? outcome(() => JSON.parse(bytes.toString()) as unknown) : 'refused';
  assert.deepEqual(
    outcome(() => whole(bytes, build)),
    expected,
  );
  assert.deepEqual(
    outcome(() => whole(bytes, (cursor) => cursor.value())),
    expected,
  );
}

const document = fc
  .tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t', '\r\n'))
  .map(([value, space]) => Buffer.from(JSON.stringify(value, null, space)));

test('valid documents give the values of JSON.parse', () => {
  fc.assert(fc.property(document, sameAsJsonParse));
});

test('edited documents are refused exactly where JSON.parse refuses them', () => {
  fc.assert(
    fc.property(document, edits, (bytes, list) => sameAsJsonParse(applyEdits(bytes, list))),
    { numRuns: 1500 },
  );
});

test('short texts of the characters that matter are judged as JSON.parse judges them', () => {
  const unit = fc.constantFrom(...'[]{}",:\\0123456789.-+eEtruefalsnd \n\u0001\u00e9'.split(''));
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 8 }), (text) => sameAsJsonParse(Buffer.from(text))),
    { numRuns: 2000 },
  );
});

test('every prefix of a document is refused', () => {
  const text = Buffer.from('{"a":[1.5e-3,{"b":"\\u00e9"},true,null],"c":"x"}');
  sameAsJsonParse(text);
  for (let length = 0; length < text.length; length += 1) sameAsJsonParse(text.subarray(0, length));
});

test('numbers equal Number(), bit for bit', () => {
  const digits = (maxLength: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), minLength: 1, maxLength });
  const written = fc
    .tuple(fc.constantFrom('', '-'), fc.nat(), fc.option(digits(25)), fc.option(fc.integer({ min: -330, max: 330 })))
    .map(([sign, integer, fraction, exponent]) => {
      return `${sign}${integer}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`;
    });
  const text = fc.oneof(written, fc.double({ noNaN: true, noDefaultInfinity: true }).map(String));
  fc.assert(
    fc.property(text, (number) => {
      const read = whole(Buffer.from(number), (cursor) => cursor.number());
      assert.ok(Object.is(read, Number(number)), `${number} was read as ${String(read)}`);
    }),
    { numRuns: 2000 },
  );
});

test('a key __proto__ is a key', () => {
  const value = whole(Buffer.from('{"__proto__":{"polluted":true}}'), (cursor) => cursor.value());
  assert.deepEqual(Object.keys(value as object), ['__proto__']);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('depth is limited, the same for what is walked and what is built', () => {
  const nested = (depth: number) => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
  for (const read of [build, (cursor: JsonCursor) => cursor.value()]) {
    assert.doesNotThrow(() => whole(nested(maxDepth), read));
    assert.throws(() => whole(nested(maxDepth + 1), read), /nested deeper than 100/);
    assert.throws(() => whole(Buffer.from('['.repeat(1_000_000)), read), /nested deeper than 100/);
  }
});

test('an error says where and what', () => {
  assert.throws(() => whole(Buffer.from('{"a" 1}'), build), /not JSON at byte 5: expected ':', was: "1}"/);
  assert.throws(() => whole(Buffer.from('[1'), build), /not JSON at byte 2: expected ',' or ']', was: the end/);
  assert.throws(() => whole(Buffer.from([0x22, 0xff, 0x22]), build), /not valid UTF-8/);
});
