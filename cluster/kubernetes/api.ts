/**
 * HTTP to the API server, with the credentials of a kubeconfig or of the pod that this process runs in.
 *
 * Of the client library only credentials are used (certificates, tokens and their rotation, exec plugins, proxies): its
 * watch is given up after 30 s of silence, and its informer is blind between two of them.
 */
import http from 'node:http';
import https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

export interface ApiRequest {
  /** Verb and resource as RBAC names them, for people and counts: `list pods`. */
  readonly what: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Of the body; JSON without it. */
  readonly contentType?: string;
  /** Milliseconds for the whole answer, or for its head where it is streamed. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What the API server refused. `message` names verb, resource, status and its own words. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(what: string, status: number, said: string) {
    super(`${what}: ${status} ${said}`);
    this.status = status;
  }
}

const defaultTimeoutMs = 10_000;
/** Idle before the first keep-alive probe: what hides a dead peer is noticed some 20 s later. */
const keepAliveMs = 10_000;

export class KubernetesApi {
  /** Of pools, pods and leases, unless told otherwise. */
  readonly namespace: string;
  readonly #config: KubeConfig;
  readonly #server: string;
  readonly #agent: http.Agent | null;
  readonly #requests = new Map<string, number>();
  #lastOkMs = 0;

  constructor(config: KubeConfig, namespace: string | undefined) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error(`the kubeconfig has no cluster for its context ${config.currentContext}`);
    const context = config.getContextObject(config.currentContext);
    this.#config = config;
    this.#server = cluster.server.replace(/\/$/, '');
    this.namespace = namespace ?? context?.namespace ?? 'default';
    const options = { keepAlive: true, keepAliveMsecs: keepAliveMs, maxSockets: 32 };
    if (cluster.proxyUrl !== undefined) this.#agent = null;
    else this.#agent = this.#server.startsWith('https:') ? new https.Agent(options) : new http.Agent(options);
  }

  /** Requests that were sent, by `what`. */
  get requests(): ReadonlyMap<string, number> {
    return this.#requests;
  }

  /** Wall clock, milliseconds: when the API server last did what it was asked. */
  get lastOkMs(): number {
    return this.#lastOkMs;
  }

  /** @throws ApiError, or what the connection says */
  async call<Answer>(request: ApiRequest): Promise<Answer> {
    const timeout = AbortSignal.timeout(request.timeoutMs ?? defaultTimeoutMs);
    const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
    try {
      const response = await this.#send(request, signal);
      return JSON.parse(await textOf(response)) as Answer;
    } catch (error) {
      if (!timeout.aborted || error instanceof ApiError) throw error;
      throw new Error(`${request.what}: no answer within ${request.timeoutMs ?? defaultTimeoutMs} ms`, {
        cause: error,
      });
    }
  }

  /**
   * The body as it comes; `request.signal` ends it.
   * @throws ApiError, or what the connection says
   */
  async stream(request: ApiRequest): Promise<http.IncomingMessage> {
    const head = new AbortController();
    const timeoutMs = request.timeoutMs ?? defaultTimeoutMs;
    const timer = setTimeout(
      () => head.abort(new Error(`${request.what}: no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      const signal = request.signal === undefined ? head.signal : AbortSignal.any([head.signal, request.signal]);
      return await this.#send(request, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #send(request: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    const { what, method = 'GET', path, query, body, contentType = 'application/json' } = request;
    this.#requests.set(what, (this.#requests.get(what) ?? 0) + 1);
    const url = new URL(this.#server + path);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const options: https.RequestOptions = { method, signal, headers: {} };
    await this.#config.applyToHTTPSOptions(options);
    if (this.#agent !== null) options.agent = this.#agent;
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    options.headers = {
      ...(options.headers as http.OutgoingHttpHeaders),
      accept: 'application/json',
      'user-agent': 'sluice',
      ...(payload === undefined ? {} : { 'content-type': contentType, 'content-length': payload.length }),
    };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const sent = (url.protocol === 'https:' ? https : http).request(url, options, resolve);
      sent.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
      sent.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs));
      sent.end(payload);
    });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) {
      this.#lastOkMs = Date.now();
      return response;
    }
    throw new ApiError(what, status, statusMessage(await textOf(response)));
  }
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk as string;
  return text;
}

/** An error's body is a Status object; a proxy in between may say anything. */
function statusMessage(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Not JSON.
  }
  return text.slice(0, 200).trim();
}

/**
 * Credentials by `KUBECONFIG`, by `~/.kube/config`, or of the pod.
 * @throws Error saying what is wrong with them
 */
export function kubernetesApi(namespace: string | undefined): KubernetesApi {
  const config = new KubeConfig();
  config.loadFromDefault();
  return new KubernetesApi(config, namespace);
}
