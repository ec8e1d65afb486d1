import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { JsonCursor } from './cursor.ts';
import { float32Limit, readFloat32Run } from './floats.ts';

/** The elements of `[…]`; null where it isn't such an array, or an element isn't finite. */
function read(text: string): Float32Array | null {
  const cursor = new JsonCursor(Buffer.from(text));
  cursor.position = 1;
  const sink = {
    data: new Float32Array(1),
    length: 0,
    grow: () => {
      const longer = new Float32Array(sink.data.length * 2);
      longer.set(sink.data);
      sink.data = longer;
    },
    refuse: (): never => {
      throw new RangeError('refused');
    },
  };
  try {
    if (!readFloat32Run(cursor, sink)) return null;
    if (cursor.bytes.toString('latin1', cursor.position) !== ']') return null;
  } catch {
    return null;
  }
  return sink.data.subarray(0, sink.length);
}

function expected(text: string): Float32Array | null {
  try {
    const values = JSON.parse(text) as unknown[];
    if (values.length === 0 || !values.every((value) => typeof value === 'number')) return null;
    const floats = Float32Array.from(values);
    return floats.every(Number.isFinite) ? floats : null;
  } catch {
    return null;
  }
}

function check(text: string): void {
  assert.deepEqual(read(text), expected(text), text);
}

const digits = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), minLength: 1, maxLength });
const written = fc
  .tuple(fc.constantFrom('', '-'), digits(18), fc.option(digits(25)), fc.option(fc.integer({ min: -60, max: 40 })))
  .map(([sign, integer, fraction, exponent]) => {
    const whole = integer.replace(/^0+(?=\d)/, '');
    return `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`;
  });
const double = fc.double({ noNaN: true, noDefaultInfinity: true }).map(String);
const small = fc.double({ min: -1, max: 1, noNaN: true }).map(String);
/** Doubles next to the midpoint of two float32, where rounding twice or off by one shows. */
const midpoint = fc
  .tuple(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -2, max: 2 }))
  .map(([value, steps]) => {
    const bits = new Int32Array(Float32Array.of(value).buffer);
    bits[0]! += 1;
    const middle = (value + new Float32Array(bits.buffer)[0]!) / 2;
    const words = new BigInt64Array(Float64Array.of(middle).buffer);
    words[0]! += BigInt(steps);
    return new Float64Array(words.buffer)[0]!;
  })
  .filter(Number.isFinite)
  .chain((value) => fc.constantFrom(String(value), value.toExponential(17), value.toPrecision(15)));
const number = fc.oneof(written, double, small, midpoint);
const space = fc.constantFrom('', '', '', ' ', '\n\t');

test('elements equal Math.fround(Number(text)), bit for bit', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(space, number, space), { minLength: 1, maxLength: 6 }), (elements) =>
      check(`[${elements.map((parts) => parts.join('')).join(',')}]`),
    ),
    { numRuns: 2000 },
  );
});

test('what is no array of numbers is refused', () => {
  const unit = fc.constantFrom(...'0123456789.-+eE, \n]["n'.split(''));
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 9 }), (text) => check(`[${text}]`)),
    { numRuns: 4000 },
  );
});

test('every count of digits, before and behind the point', () => {
  const source = '98765432101234567890123';
  for (let whole = 1; whole <= 20; whole += 1) {
    for (let places = 0; places <= 20; places += 1) {
      const fraction = places === 0 ? '' : `.${source.slice(0, places)}`;
      check(`[${source.slice(0, whole)}${fraction},0${fraction},0.000${source.slice(0, places + 1)}e-7]`);
    }
  }
});

test('the largest number is taken, and what rounds to Infinity is refused', () => {
  assert.deepEqual(read('[3.4028235e38]'), Float32Array.of(3.4028234663852886e38));
  assert.equal(Math.fround(float32Limit), Infinity);
  assert.equal(read('[3.4028236e38]'), null);
  assert.equal(read('[1e400]'), null);
  assert.equal(read('[1,-1e39]'), null);
});
