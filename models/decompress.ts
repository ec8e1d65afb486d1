/** Decompresses request bodies by their Content-Encoding, never beyond a limit. */
import { promisify } from 'node:util';
import { gunzip, gunzipSync, inflate, inflateRaw, inflateRawSync, inflateSync } from 'node:zlib';
import { quote, SluiceError } from '../contract/errors.ts';

const inflaters = { gzip: promisify(gunzip), deflate: promisify(inflate), raw: promisify(inflateRaw) };
const syncInflaters = { gzip: gunzipSync, deflate: inflateSync, raw: inflateRawSync };

/**
 * Bodies inflated at the same time. Dozens at once, each growing to the limit, would hold gigabytes, and all finish so late
 * that the gateway takes the pod for hung; two at a time, an answer leaves every few dozen milliseconds.
 */
const maxConcurrent = 2;
/** Largest output chunk of zlib: 16 times its default, with which inflating 64 MiB takes a fifth of the CPU time. */
const maxChunkBytes = 256 * 1024;
/** Smallest output chunk of zlib: its default. */
const minChunkBytes = 16 * 1024;

/**
 * Decompresses a body, after those that came before it.
 * @param contentEncoding the header's value: identity, gzip, x-gzip or deflate (with zlib's header, or raw as some send it)
 * @param signal aborted when nobody wants the body any more: a body still in line is not inflated then
 * @throws SluiceError `body-too-large`, `unsupported-media-type`, `invalid-encoding`
 */
export async function decompress(
  body: Buffer,
  contentEncoding: string | undefined,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  const kind = inflaterOf(body, contentEncoding);
  if (kind === null) return within(body, maxBytes);
  try {
    return await inTurn(() => {
      signal?.throwIfAborted();
      return inflaters[kind](body, optionsFor(body, maxBytes));
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw refusal(error, contentEncoding, maxBytes);
  }
}

/** Decompresses a body as `decompress` does, in a thread that has nothing else to do. */
export function decompressHere(body: Buffer, contentEncoding: string | undefined, maxBytes: number): Buffer {
  const kind = inflaterOf(body, contentEncoding);
  if (kind === null) return within(body, maxBytes);
  try {
    return syncInflaters[kind](body, optionsFor(body, maxBytes));
  } catch (error) {
    throw refusal(error, contentEncoding, maxBytes);
  }
}

function within(body: Buffer, maxBytes: number): Buffer {
  if (body.length <= maxBytes) return body;
  throw new SluiceError('body-too-large', `the body has ${body.length} bytes, at most ${maxBytes} are taken`);
}

function optionsFor(body: Buffer, maxOutputLength: number): { maxOutputLength: number; chunkSize: number } {
  return { maxOutputLength, chunkSize: Math.min(maxChunkBytes, Math.max(minChunkBytes, body.length * 4)) };
}

function refusal(error: unknown, contentEncoding: string | undefined, maxBytes: number): SluiceError {
  const reason = error as NodeJS.ErrnoException;
  if (reason.code === 'ERR_BUFFER_TOO_LARGE') {
    return new SluiceError('body-too-large', `the body decompresses to more than the ${maxBytes} bytes that are taken`);
  }
  return new SluiceError('invalid-encoding', `Content-Encoding ${quote(contentEncoding)}: ${reason.message}`, {
    cause: error,
  });
}

let inflating = 0;
const waiting: (() => void)[] = [];

async function inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
  if (inflating < maxConcurrent) inflating += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await task();
  } finally {
    // The next task in line takes this place, so the count stays.
    const next = waiting.shift();
    if (next === undefined) inflating -= 1;
    else next();
  }
}

function inflaterOf(body: Buffer, contentEncoding: string | undefined): keyof typeof inflaters | null {
  switch (contentEncoding?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return null;
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
      return hasZlibHeader(body) ? 'deflate' : 'raw';
    default:
      throw new SluiceError(
        'unsupported-media-type',
        `Content-Encoding: must be gzip, deflate or identity, was: ${quote(contentEncoding)}`,
      );
  }
}

/** Tells zlib's form by its first two bytes (RFC 1950): method 8 in the low bits, and together a multiple of 31. */
function hasZlibHeader(body: Buffer): boolean {
  return body.length >= 2 && (body[0]! & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0;
}
