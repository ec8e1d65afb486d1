/**
 * Fixes axes of varying length by their names, as ONNX Runtime does for those who can reach its free-dimension overrides: the binding
 * for Node.js can't. Rewrites the bytes of an ONNX file in memory, and changes nothing on disk.
 *
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import { bytes as bytesField, integer, join } from '../author/protobuf.ts';
import { bytesOf } from '../proof/graph/bytes.ts';
import { OnnxReadError, ProtobufReader, type Field, type Span } from '../proof/graph/protobuf.ts';

/** Fields from the model down to the dimensions of a value: graph, input or output or inner value, type, tensor, shape, dimension. */
const pathToDimensions: readonly (readonly number[])[] = [[7], [11, 12, 13], [2], [1], [2], [1]];
const dimensionName = 2;
const dimensionLength = 1;
const inputField = 11;

/**
 * @param lengths length by the name of the axis
 * @throws Error for a name that no input has, and for a file that can't be followed
 */
export function withFixedDimensions(file: Uint8Array, lengths: Readonly<Record<string, number>>): Uint8Array {
  const reader = new ProtobufReader(bytesOf(file));
  const names = new Set<string>();
  const rewrite = (span: Span, depth: number, isInput: boolean): Uint8Array => {
    const pieces: Uint8Array[] = [];
    let copied = span.start;
    const replace = ({ tag, end }: Field, replacement: Uint8Array): void => {
      pieces.push(file.subarray(copied, tag), replacement);
      copied = end;
    };
    const wanted = pathToDimensions[depth];
    reader.fields(span, (field) => {
      if (field.wire !== 'bytes') return;
      if (wanted === undefined) {
        if (field.number !== dimensionName) return;
        const name = reader.text(field);
        if (isInput) names.add(name);
        const length = Object.hasOwn(lengths, name) ? lengths[name] : undefined;
        if (length !== undefined) replace(field, join([integer(dimensionLength, length)]));
      } else if (wanted.includes(field.number)) {
        const inner = rewrite(field, depth + 1, isInput || (depth === 1 && field.number === inputField));
        replace(field, join([bytesField(field.number, inner)]));
      }
    });
    pieces.push(file.subarray(copied, span.end));
    return Buffer.concat(pieces);
  };
  try {
    const rewritten = rewrite(reader.whole, 0, false);
    const unknown = Object.keys(lengths).find((name) => !names.has(name));
    if (unknown === undefined) return rewritten;
    const known = names.size === 0 ? 'none has a name' : `only ${[...names].map((name) => `'${name}'`).join(', ')}`;
    throw new Error(`config.yaml: /runtime/freeDimensions/${unknown}: no axis of an input has this name, ${known}`);
  } catch (error) {
    if (!(error instanceof OnnxReadError)) throw error;
    throw new Error(`config.yaml: /runtime/freeDimensions: the file can't be followed: ${error.message}`, {
      cause: error,
    });
  }
}
