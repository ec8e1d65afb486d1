/**
 * Maps as tensors: scikit-learn's exporters end a classifier in ZipMap, whose output is a list with a map from class to
 * probability for each row. The binding of ONNX Runtime takes no maps, so the node is replaced by one that passes its tensor
 * on, `[rows, classes]`, under the output's own name. Reads the file and changes nothing on disk.
 *
 * https://onnx.ai/onnx/operators/onnx_aionnxml_ZipMap.html
 */
import { readFileSync } from 'node:fs';
import { encodeNode, encodeValueInfo } from '../author/onnx-writer.ts';
import { join, message, type Encoded } from '../author/protobuf.ts';
import { withFileBytes, type Bytes } from '../proof/graph/bytes.ts';
import { OnnxReadError, ProtobufReader, type Field, type Span } from '../proof/graph/protobuf.ts';

export interface Rewritten {
  /** The whole file as ONNX Runtime is to load it. */
  readonly bytes: Uint8Array;
  /** Names of the classes by output, in the order of its last axis. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

/** A field with its tag. */
interface Edit extends Span {
  readonly replacement: Encoded;
}

interface Maps {
  readonly graph: Span;
  /** By their place, all within the graph. */
  readonly edits: readonly Edit[];
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

interface ZipMap extends Span {
  readonly input: string;
  readonly classes: readonly string[];
}

const mostClasses = 1_000_000;

/** @returns null for a file without maps, and for one that can't be followed: what is wrong with it is ONNX Runtime's to say */
export function mapsAsTensors(file: string): Rewritten | null {
  try {
    const maps = withFileBytes(file, findMaps);
    if (maps === null) return null;
    return { bytes: rewrite(readFileSync(file), maps), labels: maps.labels };
  } catch (error) {
    if (error instanceof OnnxReadError || (error as NodeJS.ErrnoException).code !== undefined) return null;
    throw error;
  }
}

/** @throws OnnxReadError */
export function findMaps(bytes: Bytes): Maps | null {
  const reader = new ProtobufReader(bytes);
  // Without the assertion the compiler would not see assignments inside the callback.
  let graph = null as Span | null;
  withTags(reader, reader.whole, (field, start) => {
    if (field.number === 7 && field.wire === 'bytes') graph = { start, end: field.end };
  });
  if (graph === null) return null;
  return inGraph(reader, graph);
}

function inGraph(reader: ProtobufReader, graph: Span): Maps | null {
  const found = new Map<string, ZipMap>();
  const outputs: { readonly name: string; readonly span: Span }[] = [];
  reader.fields(graph, ({ start, end }) => {
    // The one field here is the graph itself.
    withTags(reader, { start, end }, (field, tag) => {
      if (field.wire !== 'bytes') return;
      const span = { start: tag, end: field.end };
      if (field.number === 1 && textOf(reader, field, 4) === 'ZipMap') {
        found.set(textOf(reader, field, 2), {
          ...span,
          input: textOf(reader, field, 1),
          classes: classes(reader, field),
        });
      } else if (field.number === 12) {
        outputs.push({ name: textOf(reader, field, 1), span });
      }
    });
  });
  const edits: Edit[] = [];
  const labels = new Map<string, readonly string[]>();
  for (const { name, span } of outputs) {
    const zipMap = found.get(name);
    if (zipMap === undefined) continue;
    const { input, start, end } = zipMap;
    const node = encodeNode({ operator: 'Identity', inputs: [input], outputs: [name] });
    edits.push({ start, end, replacement: message(1, node) });
    const value = encodeValueInfo({ name, datatype: 'FP32', shape: ['', zipMap.classes.length] });
    edits.push({ ...span, replacement: message(12, value) });
    labels.set(name, zipMap.classes);
  }
  if (edits.length === 0) return null;
  return { graph, edits: edits.sort((a, b) => a.start - b.start), labels };
}

export function rewrite(file: Uint8Array, { graph, edits }: Maps): Uint8Array {
  const pieces: Uint8Array[] = [];
  let position = graphStart(file, graph);
  for (const { start, end, replacement } of edits) {
    pieces.push(file.subarray(position, start), ...replacement);
    position = end;
  }
  pieces.push(file.subarray(position, graph.end));
  return join([[file.subarray(0, graph.start)], message(7, [pieces]), [file.subarray(graph.end)]]);
}

/** Place behind the tag and the length of the graph. */
function graphStart(file: Uint8Array, graph: Span): number {
  let position = graph.start + 1;
  while (file[position]! >= 0x80) position += 1;
  return position + 1;
}

/** Calls `take` with each field, and the place where its tag begins. */
function withTags(reader: ProtobufReader, span: Span, take: (field: Field, start: number) => void): void {
  let { start } = span;
  reader.fields(span, (field) => {
    take(field, start);
    start = field.end;
  });
}

/** The first text of this number; empty where there is none. */
function textOf(reader: ProtobufReader, span: Span, number: number): string {
  let text = '';
  reader.fields(span, (field) => {
    if (field.number !== number || field.wire !== 'bytes') return true;
    text = reader.text(field);
    return false;
  });
  return text;
}

/** The classes of a ZipMap, which are texts or whole numbers. */
function classes(reader: ProtobufReader, node: Span): string[] {
  const names: string[] = [];
  const numbers: number[] = [];
  reader.fields(node, (attribute) => {
    if (attribute.number !== 5 || attribute.wire !== 'bytes') return;
    reader.fields(attribute, (field) => {
      if (field.number === 9 && field.wire === 'bytes') names.push(reader.text(field));
      else if (field.number === 8) reader.integers(field, numbers, mostClasses);
    });
  });
  return names.length > 0 ? names : numbers.map(String);
}
