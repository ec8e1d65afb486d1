/**
 * Finds inputs and outputs for which an ONNX file declares no shape, not even a number of axes. The binding of ONNX Runtime tells them
 * from scalars by nothing. Reads the file and changes nothing.
 *
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import type { Bytes } from '../proof/graph/bytes.ts';
import { ProtobufReader, readIfFollowed, type Span } from '../proof/graph/protobuf.ts';

/** Fields from the type of a value down to its shape: tensor, shape. */
const [tensorType, tensorShape] = [1, 2];

/** @returns none for a file that can't be followed, such as one in the format of ONNX Runtime */
export function namesWithoutShape(file: string): ReadonlySet<string> {
  return readIfFollowed(file, shapelessNames) ?? new Set();
}

/** @throws OnnxReadError */
export function shapelessNames(bytes: Bytes): ReadonlySet<string> {
  const reader = new ProtobufReader(bytes);
  const found = new Set<string>();
  for (const graph of inside(reader, reader.whole, [7])) {
    for (const value of inside(reader, graph, [11, 12])) {
      const types = inside(reader, value, [2]).flatMap((type) => inside(reader, type, [tensorType]));
      const isShapeless = types.length > 0 && types.every((type) => inside(reader, type, [tensorShape]).length === 0);
      if (!isShapeless) continue;
      for (const name of inside(reader, value, [1])) found.add(reader.text(name));
    }
  }
  return found;
}

/** Fields of these numbers that hold bytes. */
function inside(reader: ProtobufReader, span: Span, numbers: readonly number[]): Span[] {
  const found: Span[] = [];
  reader.fields(span, ({ number, wire, start, end }) => {
    if (wire === 'bytes' && numbers.includes(number)) found.push({ start, end });
  });
  return found;
}
