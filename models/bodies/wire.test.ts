import assert from 'node:assert/strict';
import test from 'node:test';
import type { Tensors } from '../tensor.ts';
import { heldBytes, packCopied, packOwned, unpack } from './wire.ts';

const texts = ['', 'a', 'é€', 'long '.repeat(50), ''].map((text) => Buffer.from(text));
const numbers = new Float32Array([0.5, 1, 2, 3]);
const tensors = (): Tensors =>
  new Map([
    ['n', { datatype: 'FP32', shape: [3], data: numbers.slice().subarray(1) }],
    ['h', { datatype: 'FP16', shape: [2], data: new Float16Array([1.5, -2]) }],
    ['b', { datatype: 'INT64', shape: [1], data: BigInt64Array.of(2n ** 53n + 1n) }],
    ['t', { datatype: 'BYTES', shape: [5], data: texts }],
    ['e', { datatype: 'BYTES', shape: [0], data: [] }],
    ['z', { datatype: 'FP64', shape: [0], data: new Float64Array(0) }],
  ] as const);
const plain = (these: Tensors): unknown =>
  Array.from(these, ([name, { datatype, shape, data }]) => [
    name,
    datatype,
    shape,
    Array.from(data as Iterable<unknown>, (one) => (one instanceof Uint8Array ? Buffer.from(one).toString() : one)),
  ]);

for (const pack of [packOwned, packCopied]) {
  test(`tensors are the same after they were moved, by ${pack.name}`, () => {
    const transfer = new Set<ArrayBuffer>();
    const wire = pack(tensors(), transfer);
    const moved = structuredClone(wire, { transfer: [...transfer] });
    assert.deepEqual(plain(unpack(moved)), plain(tensors()));
  });
}

test('memory of others stays where it is', () => {
  const kept = tensors();
  const transfer = new Set<ArrayBuffer>();
  structuredClone(packCopied(kept, transfer), { transfer: [...transfer] });
  assert.deepEqual(plain(kept), plain(tensors()));
});

test('memory that several tensors lie in is moved and counted once', () => {
  const memory = new ArrayBuffer(64);
  const shared: Tensors = new Map([
    ['a', { datatype: 'FP32', shape: [2], data: new Float32Array(memory, 0, 2) }],
    ['b', { datatype: 'FP32', shape: [2], data: new Float32Array(memory, 8, 2) }],
  ] as const);
  const transfer = new Set<ArrayBuffer>();
  assert.equal(heldBytes(packOwned(shared, transfer)), 64);
  assert.equal(transfer.size, 1);
});
