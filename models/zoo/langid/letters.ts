/**
 * Reads text as the network was trained on it: letters and marks in lower case, a blank between words and at either end,
 * nothing else. The result is one symbol for each UTF-16 unit: a small number that indexes the n-gram tables.
 *
 * The rules are lande's, and tests compare: a hyphen is a blank; anything but letters, marks and white space is dropped;
 * then two or more white spaces in a row are one blank, while a single one stays as it is.
 */

/** Symbol of units that are in no n-gram. */
const otherSymbol = 0;
const blankSymbol = 1;

// Values of the table that are not symbols, and larger than any.
const drop = 255;
/** White space other than a blank, such as a newline: alone it stays as it is. */
const otherSpace = 254;
/** Units without a lower case of their own, one unit long: surrogates, Σ, İ. */
const contextual = 253;

const letterOrMark = /^[\p{L}\p{M}]$/u;
const whiteSpace = /^\s$/;
const ignored = /[^\p{L}\p{M}\s]/gu;
const hyphen = 0x2d;

export type Alphabet = ReadonlyMap<string, number>;

/** Symbols of all units that occur in `ngrams`. */
export function alphabetOf(ngrams: readonly string[]): Alphabet {
  const alphabet = new Map([[' ', blankSymbol]]);
  for (const unit of ngrams.flatMap((ngram) => ngram.split(''))) {
    if (!alphabet.has(unit)) alphabet.set(unit, alphabet.size + 1);
  }
  if (alphabet.size >= contextual) throw new RangeError(`${alphabet.size} symbols do not fit into a byte`);
  return alphabet;
}

/** Symbols that a text may become: İ becomes two units, and there is a blank at either end. */
export function maxSymbols(text: string): number {
  return 2 * text.length + 2;
}

/** Writes the symbols of a text to `symbols`. @returns their number */
export type SymbolReader = (text: string, symbols: Uint8Array) => number;

export function createSymbolReader(alphabet: Alphabet): SymbolReader {
  const table = buildTable(alphabet);

  function read(text: string, symbols: Uint8Array, lowered: boolean): number {
    let length = 0;
    symbols[length++] = blankSymbol;
    let spaces = 0;
    let space = blankSymbol;
    for (let i = 0; i < text.length; i++) {
      let symbol = table[text.charCodeAt(i)]!;
      if (symbol === drop) continue;
      if (symbol === blankSymbol || symbol === otherSpace) {
        spaces++;
        space = symbol === blankSymbol ? blankSymbol : otherSymbol;
        continue;
      }
      if (symbol === contextual) {
        if (!lowered) return read(lowerCase(text), symbols, true);
        symbol = otherSymbol;
      }
      if (spaces > 0) {
        // The blank before the first letter is there already.
        if (length > 1) symbols[length++] = spaces > 1 ? blankSymbol : space;
        spaces = 0;
      }
      symbols[length++] = symbol;
    }
    symbols[length++] = blankSymbol;
    return length;
  }

  return (text, symbols) => read(text, symbols, false);
}

/** Lower-cases a text after dropping what isn't read: Σ becomes ς at the end of a word, which dropped units don't end. */
function lowerCase(text: string): string {
  return text.replaceAll('-', ' ').replaceAll(ignored, '').toLowerCase();
}

/** Table from each UTF-16 unit to the symbol of its lower case, or to one of the special values. */
function buildTable(alphabet: Alphabet): Uint8Array {
  const table = new Uint8Array(0x10000).fill(drop);
  for (let unit = 0; unit < table.length; unit++) {
    const char = String.fromCharCode(unit);
    if (unit >= 0xd800 && unit <= 0xdfff) table[unit] = contextual;
    else if (whiteSpace.test(char)) table[unit] = otherSpace;
    else if (letterOrMark.test(char)) {
      const lower = char.toLowerCase();
      table[unit] = char === 'Σ' || lower.length > 1 ? contextual : (alphabet.get(lower) ?? otherSymbol);
    }
  }
  table[hyphen] = blankSymbol;
  table[' '.charCodeAt(0)] = blankSymbol;
  return table;
}
