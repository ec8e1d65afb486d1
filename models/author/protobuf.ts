/**
 * Encodes the part of protocol buffers that an ONNX file needs. Pure functions. Tests read the result with `protobufjs`,
 * which can't be used here: it is a development dependency, and `wide` is generated in installations without those.
 *
 * https://protobuf.dev/programming-guides/encoding/
 */

/** Chunks in order, not copied until `join`: weights are too large to copy at each level of nesting. */
export type Encoded = readonly Uint8Array[];

const wireVarint = 0;
const wireLengthDelimited = 2;
const wireFixed32 = 5;

/** @param value an int64; a negative one takes ten bytes, as 64 bits in two's complement */
function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return out;
}

function tag(field: number, wireType: number): number[] {
  return varint(field * 8 + wireType);
}

export function integer(field: number, value: number | bigint): Encoded {
  return [Uint8Array.from([...tag(field, wireVarint), ...varint(value)])];
}

export function float(field: number, value: number): Encoded {
  const out = Buffer.from([...tag(field, wireFixed32), 0, 0, 0, 0]);
  out.writeFloatLE(value, out.length - 4);
  return [out];
}

export function bytes(field: number, value: Uint8Array): Encoded {
  return [Uint8Array.from([...tag(field, wireLengthDelimited), ...varint(value.length)]), value];
}

export function text(field: number, value: string): Encoded {
  return bytes(field, Buffer.from(value, 'utf8'));
}

/** A nested message whose fields are `parts`. */
export function message(field: number, parts: readonly Encoded[]): Encoded {
  const inner = parts.flat();
  const length = inner.reduce((sum, piece) => sum + piece.length, 0);
  return [Uint8Array.from([...tag(field, wireLengthDelimited), ...varint(length)]), ...inner];
}

export function join(parts: readonly Encoded[]): Uint8Array {
  return Buffer.concat(parts.flat());
}
