/**
 * Sends what the live page's form asks for to a gateway's client port, and gives back what it answered, within limits of
 * size and time. The only way from the page to a model.
 */
import { headers as names, mediaTypes } from '../../contract/headers.ts';

export interface Forwarded {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** The gateway answers within the pool's `timeoutMs`, of 30 s by default. */
const timeoutMs = 35_000;
const maxAnswerBytes = 1024 * 1024;
/** What the page shows of an answer. */
const passedOn = ['content-type', 'retry-after', names.pod, names.batch, names.requestId];

/**
 * @param path below the gateway's address, each part encoded
 * @param body JSON to post; null: a GET
 * @param left aborted when the asker is gone
 * @throws what `fetch` throws, and an Error if the answer is longer than is passed on
 */
export async function forward(
  gatewayUrl: string,
  path: string,
  body: Buffer<ArrayBuffer> | null,
  left: AbortSignal,
): Promise<Forwarded> {
  const response = await fetch(new URL(path, gatewayUrl), {
    method: body === null ? 'GET' : 'POST',
    headers: body === null ? {} : { 'content-type': mediaTypes.json },
    body,
    redirect: 'error',
    signal: AbortSignal.any([left, AbortSignal.timeout(timeoutMs)]),
  });
  const chunks: Uint8Array[] = [];
  const pieces: AsyncIterable<Uint8Array> | [] = response.body ?? [];
  let bytes = 0;
  for await (const chunk of pieces) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) throw new Error(`the answer is longer than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  const headers: Record<string, string> = {};
  for (const name of passedOn) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return { status: response.status, headers, body: Buffer.concat(chunks) };
}
