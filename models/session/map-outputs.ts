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
import type { Bytes } from '../proof/graph/bytes.ts';
import { ProtobufReader, readIfFollowed, type Field, type Span } from '../proof/graph/protobuf.ts';

export interface Rewritten {
  /** The whole file as ONNX Runtime is to load it. */
  readonly bytes: Uint8Array;
  /** Names of the classes by output, in the order of its last axis. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

/** Another field in the place of one. */
interface Edit {
  readonly field: Field;
  readonly replacement: Encoded;
}

interface Maps {
  readonly graph: Field;
  /** Edits of the graph, ordered by their place in the file. */
  readonly edits: readonly Edit[];
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

interface ZipMap {
  readonly field: Field;
  readonly input: string;
  readonly classes: readonly string[];
}

const mostClasses = 1_000_000;

/** @returns null for a file without maps, and for one that can't be followed: what is wrong with it is ONNX Runtime's to say */
export function mapsAsTensors(file: string): Rewritten | null {
  return readIfFollowed(file, (bytes) => {
    const maps = findMaps(bytes);
    return maps === null ? null : { bytes: rewrite(readFileSync(file), maps), labels: maps.labels };
  });
}

/** @throws OnnxReadError */
export function findMaps(bytes: Bytes): Maps | null {
  const reader = new ProtobufReader(bytes);
  // Without the assertion the compiler would not see assignments inside the callback.
  let graph = null as Field | null;
  reader.fields(reader.whole, (field) => {
    if (field.number === 7 && field.wire === 'bytes') graph = field;
  });
  if (graph === null) return null;
  return inGraph(reader, graph);
}

function inGraph(reader: ProtobufReader, graph: Field): Maps | null {
  const found = new Map<string, ZipMap>();
  const outputs: { readonly name: string; readonly field: Field }[] = [];
  reader.fields(graph, (field) => {
    if (field.wire !== 'bytes') return;
    if (field.number === 1 && textOf(reader, field, 4) === 'ZipMap') {
      found.set(textOf(reader, field, 2), {
        field,
        input: textOf(reader, field, 1),
        classes: classes(reader, field),
      });
    } else if (field.number === 12) {
      outputs.push({ name: textOf(reader, field, 1), field });
    }
  });
  const edits: Edit[] = [];
  const labels = new Map<string, readonly string[]>();
  for (const { name, field } of outputs) {
    const zipMap = found.get(name);
    if (zipMap === undefined) continue;
    const node = encodeNode({ operator: 'Identity', inputs: [zipMap.input], outputs: [name] });
    edits.push({ field: zipMap.field, replacement: message(1, node) });
    const value = encodeValueInfo({ name, datatype: 'FP32', shape: ['', zipMap.classes.length] });
    edits.push({ field, replacement: message(12, value) });
    labels.set(name, zipMap.classes);
  }
  if (edits.length === 0) return null;
  return { graph, edits: edits.sort((a, b) => a.field.tag - b.field.tag), labels };
}

export function rewrite(file: Uint8Array, { graph, edits }: Maps): Uint8Array {
  const pieces: Uint8Array[] = [];
  let position = graph.start;
  for (const { field, replacement } of edits) {
    pieces.push(file.subarray(position, field.tag), ...replacement);
    position = field.end;
  }
  pieces.push(file.subarray(position, graph.end));
  return join([[file.subarray(0, graph.tag)], message(7, [pieces]), [file.subarray(graph.end)]]);
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
