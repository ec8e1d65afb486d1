/**
 * Digest of a file, read in pieces and hashed by the thread pool: weights may be gigabytes. The content hash of a version, its load, and
 * the key of its verdict on batching ask for the same files, so digests are kept while a file is the same by inode, size and times.
 */
import { createHash, webcrypto } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

const pieceBytes = 4 * 1024 * 1024;
/** Age of a file's last change from which its times tell of the next one: some file systems count in steps of two seconds. */
const settledMs = 2_000;
/** Digests that are kept at most; the oldest go first. */
const mostKept = 1_000;

const kept = new Map<string, { readonly print: string; readonly digest: string }>();

/** Hash over the hashes of a file's pieces. @throws Error where the file can't be read */
export async function fileDigest(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const before = await handle.stat({ bigint: true });
    const print = printOf(before);
    const known = kept.get(file);
    if (known?.print === print) return known.digest;
    const isSettled = Date.now() - Number(before.ctimeMs) >= settledMs;
    const digest = await digestOf(handle);
    // A file that changes meanwhile, or may do so without another time, is read again when it is asked for.
    if (isSettled && printOf(await handle.stat({ bigint: true })) === print) keep(file, print, digest);
    return digest;
  } finally {
    await handle.close();
  }
}

async function digestOf(handle: FileHandle): Promise<string> {
  const whole = createHash('sha256');
  const piece = Buffer.alloc(pieceBytes);
  for (;;) {
    const { bytesRead } = await handle.read(piece, 0, pieceBytes);
    if (bytesRead === 0) return whole.digest('hex');
    whole.update(Buffer.from(await webcrypto.subtle.digest('SHA-256', piece.subarray(0, bytesRead))));
  }
}

function keep(file: string, print: string, digest: string): void {
  kept.delete(file);
  kept.set(file, { print, digest });
  if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
}

/** Times of change, which no program sets back, are among these. */
function printOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
