/** The scaler's HTTP client for gateways and pods. It returns what came, and leaves every judgement to its callers. */
import { Agent, type Dispatcher } from 'undici';
import { mediaTypes } from '../contract/headers.ts';
import type { SharedSecret } from '../runtime/http/shared-secret.ts';

/** Failure of a call that the other side answered with 401. */
export const refusedSecret = 'it refused the shared secret (401): this scaler has none, or another one (--secret-file)';

export type HttpResult =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  /** No whole answer; `refused` if nothing listens at the address. */
  | { readonly kind: 'failed'; readonly refused: boolean; readonly detail: string };

export interface LineHandlers {
  onLine(line: string): void;
  /** Called once, when no more lines come. */
  onEnd(why: string): void;
}

/** Longest answer or line: a pod's status has a few kilobytes, a report of many pools some hundred. */
const maxBytes = 16 * 1024 * 1024;
const connectMs = 2_000;
/** Silence after which a stream counts as dead: a gateway writes a line each second. */
const silenceTimeoutMs = 10_000;

export class HttpClient {
  readonly #secret: SharedSecret;
  readonly #agent = new Agent({
    connect: { timeout: connectMs },
    pipelining: 1,
    keepAliveTimeout: 10_000,
    keepAliveMaxTimeout: 10_000,
  });

  /** @param secret carried by commands to pods and by the streams of gateways; reads carry none, since they may go to any server */
  constructor(secret: SharedSecret) {
    this.#secret = secret;
  }

  call(method: Dispatcher.HttpMethod, url: string, limitMs: number): Promise<HttpResult> {
    return this.#call(method, url, { limitMs });
  }

  /** Sends a command with a JSON body. */
  post(url: string, json: string, limitMs: number): Promise<HttpResult> {
    return this.#call('POST', url, { limitMs, json });
  }

  async #call(
    method: Dispatcher.HttpMethod,
    url: string,
    { limitMs, json }: { readonly limitMs: number; readonly json?: string },
  ): Promise<HttpResult> {
    try {
      const { origin, pathname, search } = new URL(url);
      const { statusCode, body } = await this.#agent.request({
        origin,
        path: `${pathname}${search}`,
        method,
        headers: {
          ...(method === 'GET' ? {} : this.#authorization()),
          ...(json === undefined ? {} : { 'content-type': mediaTypes.json }),
        },
        body: json ?? null,
        signal: AbortSignal.timeout(limitMs),
      });
      let text = '';
      for await (const chunk of body.setEncoding('utf8')) {
        text += chunk as string;
        if (text.length > maxBytes) return { kind: 'failed', refused: false, detail: 'the answer has no end' };
      }
      return { kind: 'answer', status: statusCode, body: text };
    } catch (error) {
      return { kind: 'failed', refused: codeOf(error) === 'ECONNREFUSED', detail: describe(error) };
    }
  }

  /**
   * Reads lines until the other side ends the stream.
   * @returns a function that ends it from here, after which no handler is called
   */
  lines(url: string, handlers: LineHandlers): () => void {
    const abort = new AbortController();
    const end = (why: string): void => {
      if (abort.signal.aborted) return;
      abort.abort();
      handlers.onEnd(why);
    };
    this.#read(url, abort.signal, (line) => {
      if (!abort.signal.aborted) handlers.onLine(line);
    }).then(
      () => end('it ended the stream'),
      (error: unknown) => end(describe(error)),
    );
    return () => abort.abort();
  }

  async #read(url: string, signal: AbortSignal, onLine: (line: string) => void): Promise<void> {
    const { origin, pathname } = new URL(url);
    const { statusCode, body } = await this.#agent.request({
      origin,
      path: pathname,
      method: 'GET',
      headers: this.#authorization(),
      signal,
      headersTimeout: silenceTimeoutMs,
      bodyTimeout: silenceTimeoutMs,
    });
    if (statusCode !== 200) {
      body.destroy();
      throw new Error(statusCode === 401 ? refusedSecret : `it answered ${statusCode}`);
    }
    let rest = '';
    for await (const chunk of body.setEncoding('utf8')) {
      const lines = (rest + (chunk as string)).split('\n');
      rest = lines.pop()!;
      if (rest.length > maxBytes) throw new Error('a line has no end');
      for (const line of lines) if (line !== '') onLine(line);
    }
  }

  #authorization(): Record<string, string> {
    const { authorization } = this.#secret;
    return authorization === null ? {} : { authorization };
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  return typeof code === 'string' && !error.message.includes(code) ? `${code}: ${error.message}` : error.message;
}
