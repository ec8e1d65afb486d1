/**
 * Forwards a request of the live page's form to a gateway's client port, and returns the answer, within limits of size and
 * time. The page reaches models in no other way.
 */
import { headers as names, mediaTypes } from '../../contract/headers.ts';

export interface Forwarded {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Time for an answer: above the pool's `timeoutMs`, 30 s by default, within which the gateway answers. */
const timeoutMs = 35_000;
const maxAnswerBytes = 1024 * 1024;
/** Headers of an answer that the page shows. */
const shownHeaders = ['content-type', 'retry-after', names.pod, names.batch, names.requestId];

/**
 * @param path under the gateway's address, each segment encoded
 * @param body JSON to post; null: a GET
 * @param left aborted when the browser has closed its connection
 * @throws the errors of `fetch`, and an Error if the answer is longer than `maxAnswerBytes`
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
  for (const name of shownHeaders) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return { status: response.status, headers, body: Buffer.concat(chunks) };
}
