/** Open Inference Protocol datatypes with their element size in bytes; null for BYTES, whose elements vary in length. */
export const datatypeBytes = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: null,
} as const satisfies Record<string, number | null>;

export type Datatype = keyof typeof datatypeBytes;

export function isDatatype(name: unknown): name is Datatype {
  return typeof name === 'string' && Object.hasOwn(datatypeBytes, name);
}
