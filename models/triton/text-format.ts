/**
 * Reads protobuf's text format into a tree of fields, each with its line and column: settings that are not obeyed are named by their
 * line, which the reader of `protobufjs` does not keep (and it is a development dependency: tests compare the two). No message is
 * known here. https://protobuf.dev/reference/protobuf/textformat-spec/
 */
import { TextFormatError, tokensOf, type Place, type Token } from './text-tokens.ts';

export interface TextField {
  readonly name: string;
  readonly value: TextValue;
  readonly at: Place;
}

export type TextValue =
  | { readonly kind: 'message'; readonly fields: readonly TextField[]; readonly at: Place }
  /** An enum, `true`, `inf` and the like; `negative` where a minus came before it. */
  | { readonly kind: 'name'; readonly text: string; readonly negative: boolean; readonly at: Place }
  | { readonly kind: 'number'; readonly text: string; readonly negative: boolean; readonly at: Place }
  | { readonly kind: 'string'; readonly text: string; readonly at: Place };

/** Depth of messages within messages, beyond which a file is no configuration. */
const deepest = 64;

/**
 * @returns fields in their order; one of a list stands for each of its elements
 * @throws TextFormatError
 */
export function parseTextFormat(text: string): readonly TextField[] {
  return new Parser(text).whole();
}

class Parser {
  readonly #tokens: Generator<Token, Token>;
  #next: Token;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
    this.#next = this.#tokens.next().value;
  }

  whole(): readonly TextField[] {
    return this.#fields(null, 0);
  }

  #take(): Token {
    const taken = this.#next;
    this.#next = this.#tokens.next().value;
    return taken;
  }

  #takeMark(text: string): boolean {
    if (this.#next.kind !== 'mark' || this.#next.text !== text) return false;
    this.#take();
    return true;
  }

  #isString(): boolean {
    return this.#next.kind === 'string';
  }

  #unexpected(wanted: string): TextFormatError {
    const { kind, text, at } = this.#next;
    const found = kind === 'string' ? JSON.stringify(text) : kind === 'end' ? text : `'${text}'`;
    return new TextFormatError(`expected ${wanted}, found ${found}`, at);
  }

  /** Fields up to the mark that closes their message; up to the end of the file for null. */
  #fields(close: string | null, depth: number): TextField[] {
    if (depth > deepest) throw new TextFormatError(`more than ${deepest} messages within one another`, this.#next.at);
    const fields: TextField[] = [];
    for (;;) {
      if (close === null ? this.#next.kind === 'end' : this.#takeMark(close)) return fields;
      if (this.#next.kind !== 'name') {
        throw this.#unexpected(close === null ? 'a field' : `a field or '${close}'`);
      }
      const { text: name, at } = this.#take();
      const isMarked = this.#takeMark(':');
      for (const value of this.#values(isMarked, depth)) fields.push({ name, value, at });
      // One mark may divide a field from the next.
      if (!this.#takeMark(',')) this.#takeMark(';');
    }
  }

  /** The value of a field, or those of a list. Without a colon only messages follow. */
  #values(isMarked: boolean, depth: number): TextValue[] {
    if (!this.#takeMark('[')) return [this.#value(isMarked, depth)];
    if (this.#takeMark(']')) return [];
    const values: TextValue[] = [];
    do values.push(this.#value(isMarked, depth));
    while (this.#takeMark(','));
    if (!this.#takeMark(']')) throw this.#unexpected("',' or ']'");
    return values;
  }

  #value(isMarked: boolean, depth: number): TextValue {
    const { at } = this.#next;
    if (this.#takeMark('{')) return { kind: 'message', fields: this.#fields('}', depth + 1), at };
    if (this.#takeMark('<')) return { kind: 'message', fields: this.#fields('>', depth + 1), at };
    if (!isMarked) throw this.#unexpected("':' or '{'");
    const negative = this.#takeMark('-');
    if (this.#next.kind === 'name' || this.#next.kind === 'number') {
      const { kind, text } = this.#next;
      this.#take();
      return { kind, text, negative, at };
    }
    if (this.#next.kind !== 'string' || negative) throw this.#unexpected('a value');
    // Strings that follow one another are one.
    let text = '';
    do text += this.#take().text;
    while (this.#isString());
    return { kind: 'string', text, at };
  }
}
