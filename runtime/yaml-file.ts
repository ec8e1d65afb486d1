/**
 * YAML documents that keep the lines of their fields, so that a mistake is reported with its line. Reads text, and no file. Knows
 * nothing of what the fields mean.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments, type Document } from 'yaml';

export interface YamlDocument {
  /** Parsed content; null where it is empty or has mistakes. */
  readonly value: unknown;
  /** Errors of the syntax. One may bring others with it, so only the first is given, and keys that are given twice. */
  readonly mistakes: readonly YamlMistake[];
  /** Line of the field at a JSON pointer, or of the nearest field around it. */
  readonly lineOf: (pointer: string) => number;
}

export interface YamlMistake {
  readonly line: number;
  readonly text: string;
}

export function parseYaml(text: string): YamlDocument[] {
  const lines = new LineCounter();
  return [...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })].map((document) => {
    const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
    const lineOf = (pointer: string): number => lineAt(offsetOf(document, pointer));
    const mistakes = mistakesOf(document.errors, text, lineAt);
    if (mistakes.length > 0) return { value: null, mistakes, lineOf };
    try {
      return { value: document.toJS() as unknown, mistakes, lineOf };
    } catch (error) {
      // Aliases of nothing, or aliases that would expand to an excessive size.
      return {
        value: null,
        mistakes: [{ line: lineOf(''), text: `invalid YAML: ${(error as Error).message}` }],
        lineOf,
      };
    }
  });
}

function mistakesOf(
  errors: Document.Parsed['errors'],
  text: string,
  lineAt: (offset: number) => number,
): YamlMistake[] {
  const twice = errors.filter(({ code }) => code === 'DUPLICATE_KEY');
  const [first] = errors.filter(({ code }) => code !== 'DUPLICATE_KEY');
  return [
    ...(first === undefined ? [] : [{ line: lineAt(first.pos[0]), text: `invalid YAML: ${first.message}` }]),
    ...twice.map(({ pos: [from] }) => {
      const key = /^[^:\s]*/.exec(text.slice(from, from + 100))?.[0] ?? '';
      return { line: lineAt(from), text: `${key}: is given twice` };
    }),
  ];
}

function offsetOf(document: Document.Parsed, pointer: string): number {
  let at: unknown = document.contents;
  let offset = isNode(document.contents) ? document.contents.range[0] : document.range[0];
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (isAlias(at)) at = at.resolve(document);
    let key: unknown;
    if (isMap(at)) {
      const pair = at.items.find((item) => String(isScalar(item.key) ? item.key.value : item.key) === name);
      if (pair === undefined) break;
      key = pair.key;
      at = pair.value;
    } else if (isSeq(at)) {
      key = at.items[Number(name)];
      at = key;
    } else break;
    if (!isNode(key)) break;
    offset = key.range?.[0] ?? offset;
  }
  return offset;
}
