/**
 * Estimates rows and their size from the bytes of a request that nobody has parsed yet, for models whose rows vary in
 * length: 2 kB may be a row of 256 elements or 32 rows of 8. Answers say what it was; bytes fall into classes, two an octave, each with
 * the mean of its answers.
 */

/** Work of one request, as far as its bytes tell. */
export interface RequestSize {
  readonly rows: number;
  /** Row equivalents that the pods' time is counted in: the rows, where all of them are of one size. */
  readonly work: number;
  /** Elements of each row; 0 where all rows of the model are of one size. */
  readonly rowElements: number;
  /** Requests of one shape are likely to share a run; 0 where all requests of the model may. */
  readonly shape: number;
}

/** Answered requests of one class of bytes. */
interface BytesClass {
  readonly rows: number;
  readonly elementsPerByte: number;
}

/** Learned sizes of each class of bytes; undefined for a class without answers. */
export type SizeTable = readonly (BytesClass | undefined)[];

export const emptySizeTable: SizeTable = [];

/** Weight of the newest answer. */
const weight = 0.05;

/** @returns null before the first answer */
export function estimateSize(table: SizeTable, bytes: number): { rows: number; rowElements: number } | null {
  const known = nearest(table, classOf(bytes));
  if (known === undefined) return null;
  const elements = bytes * known.elementsPerByte;
  const rows = Math.max(1, Math.min(Math.round(known.rows), Math.floor(elements)));
  return { rows, rowElements: Math.max(1, elements / rows) };
}

/** Learns from one answered request. */
export function learnSize(table: SizeTable, bytes: number, rows: number, rowElements: number): SizeTable {
  if (!(bytes > 0) || !(rows > 0)) return table;
  const index = classOf(bytes);
  const elementsPerByte = (rows * rowElements) / bytes;
  const known = table[index];
  const learned = table.slice();
  while (learned.length < index) learned.push(undefined);
  learned[index] =
    known === undefined
      ? { rows, elementsPerByte }
      : {
          rows: known.rows + weight * (rows - known.rows),
          elementsPerByte: known.elementsPerByte + weight * (elementsPerByte - known.elementsPerByte),
        };
  return learned;
}

function classOf(bytes: number): number {
  return bytes > 1 ? Math.floor(2 * Math.log2(bytes)) : 0;
}

function nearest(table: SizeTable, index: number): BytesClass | undefined {
  for (let distance = 0; distance <= Math.max(index, table.length); distance += 1) {
    const known = table[index - distance] ?? table[index + distance];
    if (known !== undefined) return known;
  }
  return undefined;
}
