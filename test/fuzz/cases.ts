/** Inputs as files, to be sent again: what a run found, and what `cases/` keeps as tests. */
import { isUtf8 } from 'node:buffer';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Input, RequestInput, SocketInput } from './input.ts';

/** Bytes as text where they are readable, else in base64. */
type Bytes = string | { readonly base64: string };

export interface Case {
  readonly name: string;
  readonly input: Input;
  /** Statuses that the first answer may have, null for none; absent where only the rules of all inputs hold. */
  readonly statuses: readonly (number | null)[] | undefined;
}

interface CaseFile {
  /** Fault that the input once showed. */
  readonly found: string;
  readonly statuses?: readonly (number | null)[];
  readonly input:
    (Omit<RequestInput, 'body'> & { body: Bytes }) | (Omit<SocketInput, 'pieces'> & { pieces: readonly Bytes[] });
}

const folder = fileURLToPath(new URL('cases/', import.meta.url));

export function readCase(file: string): Case {
  const { input, statuses } = JSON.parse(readFileSync(file, 'utf8')) as CaseFile;
  const name = path.basename(file, '.json');
  if (input.kind === 'sockets') return { name, statuses, input: { ...input, pieces: input.pieces.map(read) } };
  return { name, statuses, input: { ...input, body: read(input.body) } };
}

export function keptCases(): Case[] {
  return globSync('*.json', { cwd: folder })
    .toSorted()
    .map((file) => readCase(path.join(folder, file)));
}

export function writeCase(file: string, found: string, input: Input): void {
  const written: CaseFile['input'] =
    input.kind === 'sockets' ? { ...input, pieces: input.pieces.map(write) } : { ...input, body: write(input.body) };
  writeFileSync(file, `${JSON.stringify({ found, input: written } satisfies CaseFile, null, 2)}\n`);
}

const read = (bytes: Bytes): Buffer =>
  typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.base64, 'base64');
const write = (bytes: Buffer): Bytes => (isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString('base64') });
