/** Digest of a file, read in pieces and hashed by the thread pool: weights may be gigabytes. */
import { createHash, webcrypto } from 'node:crypto';
import { open } from 'node:fs/promises';

const pieceBytes = 4 * 1024 * 1024;

/** Hash over the hashes of a file's pieces. @throws Error where the file can't be read */
export async function fileDigest(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const whole = createHash('sha256');
    const piece = Buffer.alloc(pieceBytes);
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, pieceBytes);
      if (bytesRead === 0) return whole.digest('hex');
      whole.update(Buffer.from(await webcrypto.subtle.digest('SHA-256', piece.subarray(0, bytesRead))));
    }
  } finally {
    await handle.close();
  }
}
