/**
 * Frequencies of a fixed list of n-grams (1 to 4 units) in a text, each among all n-grams of its length.
 *
 * They are counted by a trie over symbols, walked from four starts at once: a text of n symbols costs 4n look-ups, however
 * long the list is.
 */
import { alphabetOf, createSymbolReader, maxSymbols } from './letters.ts';

const longest = 4;
const dead = 0;
const root = 1;
const noFeature = -1;

/** Size of the buffer that is kept between texts; a longer text gets one of its own. */
const keptSymbols = 64 * 1024;

/** Writes the frequencies of a text, one for each n-gram of the list, to `out` from `offset` on, where it must be zero. */
export type FrequencyCounter = (text: string, out: Float32Array, offset: number) => void;

export function createFrequencyCounter(ngrams: readonly string[]): FrequencyCounter {
  const alphabet = alphabetOf(ngrams);
  const readSymbols = createSymbolReader(alphabet);
  const width = alphabet.size + 1;
  const { next, feature } = buildTrie(ngrams, alphabet, width);
  const lengths = Uint8Array.from(ngrams, (ngram) => ngram.length);
  const kept = new Uint8Array(keptSymbols);

  return (text, out, offset) => {
    const needed = maxSymbols(text);
    const symbols = needed <= keptSymbols ? kept : new Uint8Array(needed);
    const total = readSymbols(text, symbols);
    // Nodes that the walks from one, two and three symbols ago have reached.
    let one = dead;
    let two = dead;
    let three = dead;
    for (let i = 0; i < total; i++) {
      const symbol = symbols[i]!;
      const four = next[three * width + symbol]!;
      three = next[two * width + symbol]!;
      two = next[one * width + symbol]!;
      one = next[root * width + symbol]!;
      if (one !== dead && feature[one] !== noFeature) out[offset + feature[one]!]!++;
      if (two !== dead && feature[two] !== noFeature) out[offset + feature[two]!]!++;
      if (three !== dead && feature[three] !== noFeature) out[offset + feature[three]!]!++;
      if (four !== dead) out[offset + feature[four]!]!++;
    }
    for (let i = 0; i < lengths.length; i++) {
      const count = out[offset + i]!;
      if (count !== 0) out[offset + i] = count / (total - lengths[i]! + 1);
    }
  };
}

interface Trie {
  /** Next node after `node` by `symbol`, at `node * width + symbol`; `dead` if no n-gram continues so. */
  readonly next: Int16Array;
  /** Index of the n-gram that a node completes. */
  readonly feature: Int16Array;
}

function buildTrie(ngrams: readonly string[], alphabet: ReadonlyMap<string, number>, width: number): Trie {
  const mostNodes = root + 1 + ngrams.length * longest;
  const next = new Int16Array(mostNodes * width);
  const feature = new Int16Array(mostNodes).fill(noFeature);
  let nodes = root + 1;
  for (const [index, ngram] of ngrams.entries()) {
    if (ngram.length < 1 || ngram.length > longest) throw new RangeError(`n-gram "${ngram}" is not of 1 to 4 units`);
    let node = root;
    for (const unit of ngram.split('')) {
      const at = node * width + alphabet.get(unit)!;
      if (next[at] === dead) next[at] = nodes++;
      node = next[at]!;
    }
    feature[node] = index;
  }
  return { next: next.slice(0, nodes * width), feature: feature.slice(0, nodes) };
}
