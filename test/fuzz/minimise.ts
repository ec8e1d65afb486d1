/** Makes a failing input smaller, as long as it still fails: drops ever smaller parts of its bytes, and headers. */
import type { Input } from './input.ts';

const mostTries = 300;

/** @param stillFails sends an input by itself */
export async function minimise(input: Input, stillFails: (smaller: Input) => Promise<boolean>): Promise<Input> {
  let tries = 0;
  let best = input;
  const attempt = async (smaller: Input): Promise<boolean> => {
    if (tries >= mostTries) return false;
    tries += 1;
    if (!(await stillFails(smaller))) return false;
    best = smaller;
    return true;
  };
  if (input.kind === 'sockets') {
    await attempt({ ...input, pieces: [Buffer.concat(input.pieces)] });
  } else {
    for (const name of Object.keys(input.headers)) {
      const now = best as typeof input;
      const headers = Object.fromEntries(Object.entries(now.headers).filter(([other]) => other !== name));
      await attempt({ ...now, headers, valid: false });
    }
  }
  const bytes = bytesOf(best);
  for (let size = bytes.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < bytesOf(best).length && tries < mostTries;) {
      const now = bytesOf(best);
      const shorter = Buffer.concat([now.subarray(0, at), now.subarray(at + size)]);
      if (!(await attempt(withBytes(best, shorter)))) at += size;
    }
  }
  return best;
}

function bytesOf(input: Input): Buffer {
  return input.kind === 'sockets' ? Buffer.concat(input.pieces) : input.body;
}

function withBytes(input: Input, bytes: Buffer): Input {
  // Without a part of itself it need not be valid any more.
  if (input.kind === 'sockets') return { ...input, pieces: [bytes], valid: false };
  return { ...input, body: bytes, valid: false };
}
