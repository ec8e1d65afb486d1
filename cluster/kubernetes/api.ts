/**
 * HTTP client for the API server, with the credentials of a kubeconfig or of the pod that this process runs in.
 *
 * The client library is used only for credentials. Its watch gives up after 30 s of silence, and its informer misses changes
 * between two watches.
 */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { KubeConfig } from '@kubernetes/client-node';
import { defaultCredentials } from './credentials.ts';

export interface ApiRequest {
  /** Verb and resource as in RBAC, for messages and metrics: `list pods`. */
  readonly operation: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Content type of the body; JSON by default. */
  readonly contentType?: string;
  /** Types of answers that are taken; JSON by default. */
  readonly accept?: string;
  /** Timeout for the whole answer, or for the head of a streamed one. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Error answer of the API server. `message` has the operation, the status and the server's message. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(operation: string, status: number, message: string) {
    super(`${operation}: ${status} ${message}`);
    this.status = status;
  }
}

const defaultTimeoutMs = 10_000;
/** Timeout for a connection: a lost first packet is sent again after a second, the next one only after three. */
const connectTimeoutMs = 1_500;
/** Idle time before TCP keep-alive probes, which detect a dead peer about 20 s later. */
const keepAliveMs = 10_000;

export interface Namespaces {
  /** Namespaces of pools and their pods; none means that of this installation. */
  readonly pools?: readonly string[] | undefined;
  /** Namespace of this installation: of its gateways, its scalers and their lease. */
  readonly own?: string | undefined;
}

export class KubernetesApi {
  /** Namespaces of pools and their pods, at least one. */
  readonly namespaces: readonly string[];
  /** Namespace of gateways, scalers and their lease: the only one of the pools, unless said otherwise. */
  readonly ownNamespace: string;
  readonly #config: KubeConfig;
  readonly #server: string;
  readonly #agent: http.Agent | null;
  readonly #requests = new Map<string, number>();
  #lastOkMs = 0;

  constructor(config: KubeConfig, { pools = [], own }: Namespaces = {}) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error(`the kubeconfig has no cluster for the context ${config.currentContext}`);
    const context = config.getContextObject(config.currentContext);
    this.#config = config;
    this.#server = cluster.server.replace(/\/$/, '');
    const ofCredentials = context?.namespace ?? 'default';
    const [first = own ?? ofCredentials, ...others] = new Set(pools);
    this.namespaces = [first, ...others];
    this.ownNamespace = own ?? (others.length === 0 ? first : ofCredentials);
    const options = { keepAlive: true, keepAliveMsecs: keepAliveMs, maxSockets: 32 };
    if (cluster.proxyUrl !== undefined) this.#agent = null;
    else this.#agent = this.#server.startsWith('https:') ? new https.Agent(options) : new http.Agent(options);
  }

  /** Number of requests sent, by operation. */
  get requests(): ReadonlyMap<string, number> {
    return this.#requests;
  }

  /** Wall-clock time of the last successful answer, in milliseconds. */
  get lastOkMs(): number {
    return this.#lastOkMs;
  }

  /** @throws ApiError, or the error of the connection */
  async call<Answer>(request: ApiRequest): Promise<Answer> {
    const timeout = AbortSignal.timeout(request.timeoutMs ?? defaultTimeoutMs);
    const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
    try {
      const response = await this.#send(request, signal);
      return JSON.parse(await textOf(response)) as Answer;
    } catch (error) {
      if (!timeout.aborted || error instanceof ApiError) throw error;
      throw new Error(`${request.operation}: no answer within ${request.timeoutMs ?? defaultTimeoutMs} ms`, {
        cause: error,
      });
    }
  }

  /**
   * Streams the body until it ends or `request.signal` aborts.
   * @throws ApiError, or the error of the connection
   */
  async stream(request: ApiRequest): Promise<http.IncomingMessage> {
    const head = new AbortController();
    const timeoutMs = request.timeoutMs ?? defaultTimeoutMs;
    const timer = setTimeout(
      () => head.abort(new Error(`${request.operation}: no answer within ${timeoutMs} ms`)),
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
    const { operation, method = 'GET', path, query, body, contentType = 'application/json', accept } = request;
    this.#requests.set(operation, (this.#requests.get(operation) ?? 0) + 1);
    const url = new URL(this.#server + path);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const options: https.RequestOptions = { method, signal, headers: {} };
    await this.#config.applyToHTTPSOptions(options);
    if (this.#agent !== null) options.agent = this.#agent;
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    options.headers = {
      ...(options.headers as http.OutgoingHttpHeaders),
      accept: accept ?? 'application/json',
      'user-agent': 'sluice',
      ...(payload === undefined ? {} : { 'content-type': contentType, 'content-length': payload.length }),
    };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const sent = (url.protocol === 'https:' ? https : http).request(url, options, resolve);
      sent.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
      sent.on('socket', (socket) => {
        socket.setKeepAlive(true, keepAliveMs);
        if (socket.connecting) limitConnect(socket, operation);
      });
      sent.end(payload);
    });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) {
      this.#lastOkMs = Date.now();
      return response;
    }
    throw new ApiError(operation, status, statusMessage(await textOf(response)));
  }
}

function limitConnect(socket: Socket, operation: string): void {
  const timer = setTimeout(
    () => socket.destroy(new Error(`${operation}: no connection within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  );
  const end = (): void => clearTimeout(timer);
  socket.once('connect', end).once('close', end);
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk as string;
  return text;
}

/** Message of an error body: a Status object, or whatever a proxy answers. */
function statusMessage(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // A proxy's answer need not be JSON.
  }
  return text.slice(0, 200).trim();
}

/**
 * Connects with the credentials of `KUBECONFIG`, of `~/.kube/config`, or of the pod.
 * @throws Error for unusable credentials
 */
export function kubernetesApi(namespaces: Namespaces): KubernetesApi {
  return new KubernetesApi(defaultCredentials(), namespaces);
}
