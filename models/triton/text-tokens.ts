/** Tokens of protobuf's text format, each with its line and column. Reads a string, and knows no message. */

/** Line and column from 1; a column counts characters as editors do, in UTF-16 units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Text that is not protobuf's text format, or not what a field takes. */
export class TextFormatError extends Error {
  override readonly name = 'TextFormatError';

  constructor(problem: string, { line, column }: Place) {
    super(`line ${line}, column ${column}: ${problem}`);
  }
}

export type Token =
  | { readonly kind: 'name'; readonly text: string; readonly at: Place }
  | { readonly kind: 'number'; readonly text: string; readonly at: Place }
  | { readonly kind: 'string'; readonly text: string; readonly at: Place }
  /** One of `{ } < > [ ] : , ; -`. */
  | { readonly kind: 'mark'; readonly text: string; readonly at: Place }
  | { readonly kind: 'end'; readonly text: 'the end of the file'; readonly at: Place };

const skipped = /(?:[ \t\r\n\v\f]+|#[^\n]*)+/y;
const name = /[A-Za-z_][A-Za-z0-9_./]*/y;
const number = /(?:0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?)/y;
const marks = '{}<>[]:,;-';

/** @throws TextFormatError */
export function* tokensOf(text: string): Generator<Token, Token> {
  // A byte order mark is none of the text; positions do not count it.
  let position = text.startsWith('\uFEFF') ? 1 : 0;
  let line = 1;
  let lineStart = position;
  const place = (): Place => ({ line, column: position - lineStart + 1 });
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = position;
    return pattern.exec(text)?.[0] ?? null;
  };
  for (;;) {
    const space = match(skipped) ?? '';
    for (let index = space.indexOf('\n'); index !== -1; index = space.indexOf('\n', index + 1)) {
      line += 1;
      lineStart = position + index + 1;
    }
    position += space.length;
    const at = place();
    if (position >= text.length) return { kind: 'end', text: 'the end of the file', at };
    const character = text[position]!;
    const word = match(name);
    const digits = word === null ? match(number) : null;
    if (word !== null) yield { kind: 'name', text: word, at };
    else if (digits !== null) {
      const after = text[position + digits.length] ?? ' ';
      if (/[A-Za-z0-9_.]/.test(after)) throw new TextFormatError(`'${digits}${after}' is no number`, at);
      yield { kind: 'number', text: digits, at };
    } else if (character === '"' || character === "'") {
      const { value, end } = stringAt(text, position, at);
      yield { kind: 'string', text: value, at };
      position = end;
      continue;
    } else if (marks.includes(character)) yield { kind: 'mark', text: character, at };
    else throw new TextFormatError(`${JSON.stringify(character)} is not expected here`, at);
    position += (word ?? digits ?? character).length;
  }
}

const simpleEscapes: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  '"': 34,
  "'": 39,
  '?': 63,
  '\\': 92,
};
const longEscape = /[0-7]{1,3}|x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}/y;

/** Reads a quoted string. Octal and hexadecimal escapes are bytes, which together have to be UTF-8. */
function stringAt(text: string, start: number, at: Place): { readonly value: string; readonly end: number } {
  const quote = text[start]!;
  const pieces: Buffer[] = [];
  let position = start + 1;
  for (;;) {
    const character = text[position];
    if (character === undefined || character === '\n') throw new TextFormatError(`the string ${quote} has no end`, at);
    if (character === quote) break;
    if (character !== '\\') {
      const ordinary = text.slice(position, nextSpecial(text, position, quote));
      pieces.push(Buffer.from(ordinary, 'utf8'));
      position += ordinary.length;
      continue;
    }
    const simple = simpleEscapes[text[position + 1] ?? ''];
    if (simple !== undefined) {
      pieces.push(Buffer.of(simple));
      position += 2;
      continue;
    }
    longEscape.lastIndex = position + 1;
    const escape = longEscape.exec(text)?.[0];
    const bytes = escape === undefined ? null : bytesOf(escape);
    if (escape === undefined || bytes === null) {
      throw new TextFormatError(`\\${text[position + 1] ?? ''} is no escape within a string`, at);
    }
    pieces.push(bytes);
    position += 1 + escape.length;
  }
  try {
    const value = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces));
    return { value, end: position + 1 };
  } catch {
    throw new TextFormatError('the string is no UTF-8', at);
  }
}

function nextSpecial(text: string, from: number, quote: string): number {
  let position = from;
  while (position < text.length && !'\\\n'.includes(text[position]!) && text[position] !== quote) position += 1;
  return position;
}

/** @returns null for what no byte and no character has */
function bytesOf(escape: string): Buffer | null {
  const [first] = escape;
  if (first === 'u' || first === 'U') {
    const code = Number.parseInt(escape.slice(1), 16);
    return code >= 0xd800 && code <= 0xdfff ? null : Buffer.from(String.fromCodePoint(code), 'utf8');
  }
  const value = first === 'x' ? Number.parseInt(escape.slice(1), 16) : Number.parseInt(escape, 8);
  return value > 0xff ? null : Buffer.of(value);
}
