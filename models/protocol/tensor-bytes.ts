/** Tensors in the binary extension: raw little-endian elements; for BYTES, a u32 length before each element. */
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';
import { quote, SluiceError } from '../../contract/errors.ts';
import { elementCount, isBytes, viewOf, type TensorData } from '../../contract/tensor-data.ts';
import type { Tensor } from '../tensor.ts';

const lengthBytes = 4;

/**
 * Reads a tensor as a view of `bytes`, or of a copy if they are not aligned for the datatype.
 *
 * @param label subject of every error: `input 'x'`
 */
export function readTensor(label: string, datatype: Datatype, shape: readonly number[], bytes: Buffer): Tensor {
  const count = elementCount(shape);
  if (datatype === 'BYTES') return { datatype, shape, data: readBytesElements(label, shape, count, bytes) };
  const size = datatypeBytes[datatype];
  if (bytes.length !== count * size) {
    throw new SluiceError(
      'invalid-binary',
      `${label}: unexpected size, ${bytes.length} bytes where ${datatype} ${quote(shape)} has ${count * size}`,
    );
  }
  if (datatype === 'BOOL') {
    const wrong = bytes.findIndex((byte) => byte > 1);
    if (wrong !== -1) {
      throw new SluiceError('invalid-tensor', `${label}: element ${wrong} is ${bytes[wrong]!}, BOOL needs 0 or 1`);
    }
  }
  const aligned = bytes.byteOffset % size === 0;
  const memory = aligned ? bytes.buffer : new Uint8Array(bytes).buffer;
  return { datatype, shape, data: viewOf(datatype, memory, aligned ? bytes.byteOffset : 0, count) };
}

function readBytesElements(label: string, shape: readonly number[], count: number, bytes: Buffer): Uint8Array[] {
  const fail = (what: string): never => {
    throw new SluiceError('invalid-binary', `${label}: ${what}, shape ${quote(shape)} has ${count} elements`);
  };
  if (count * lengthBytes > bytes.length) fail(`unexpected size, ${bytes.length} bytes`);
  const elements = new Array<Uint8Array>(count);
  let position = 0;
  for (let index = 0; index < count; index += 1) {
    if (position + lengthBytes > bytes.length) fail(`the bytes end before element ${index}`);
    const length = bytes.readUInt32LE(position);
    position += lengthBytes;
    if (length > bytes.length - position) {
      fail(`element ${index} has length ${length} where ${bytes.length - position} bytes remain`);
    }
    elements[index] = bytes.subarray(position, position + length);
    position += length;
  }
  if (position !== bytes.length) fail(`${bytes.length - position} bytes remain after the last element`);
  return elements;
}

/** Bytes of a tensor; only BYTES are copied. */
export function writeTensor(data: TensorData): Buffer {
  if (!isBytes(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  let total = 0;
  for (const element of data) total += lengthBytes + element.length;
  const bytes = Buffer.allocUnsafe(total);
  let position = 0;
  for (const element of data) {
    bytes.writeUInt32LE(element.length, position);
    bytes.set(element, position + lengthBytes);
    position += lengthBytes + element.length;
  }
  return bytes;
}
