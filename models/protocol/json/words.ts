/**
 * Words that nearly every request is made of, recognised without decoding them: turning bytes into a string is a call
 * into native code that costs 150 ns, and a request of two inputs has twenty such words.
 */
import { datatypeBytes } from '../../../contract/datatypes.ts';

interface Word {
  readonly text: string;
  readonly bytes: Buffer;
}

const byLength: readonly (readonly Word[])[] = group([
  ...Object.keys(datatypeBytes),
  'id',
  'inputs',
  'outputs',
  'parameters',
  'name',
  'shape',
  'datatype',
  'data',
  'binary_data',
  'binary_data_size',
  'binary_data_output',
  'instances',
]);

function group(texts: readonly string[]): Word[][] {
  const longest = Math.max(...texts.map((text) => text.length));
  const words = Array.from({ length: longest + 1 }, (): Word[] => []);
  for (const text of texts) words[text.length]!.push({ text, bytes: Buffer.from(text) });
  return words;
}

/** @returns the word that bytes `start` to `end` spell; undefined for any other text */
export function knownWord(bytes: Buffer, start: number, end: number): string | undefined {
  const candidates = byLength[end - start];
  if (candidates === undefined) return undefined;
  for (const word of candidates) {
    const known = word.bytes;
    let index = 0;
    while (index < known.length && known[index] === bytes[start + index]) index += 1;
    if (index === known.length) return word.text;
  }
  return undefined;
}
