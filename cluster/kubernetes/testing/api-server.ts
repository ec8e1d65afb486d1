/**
 * Fake API server with lists, watches with bookmarks, and faults that a test injects. It implements only the protocol: objects
 * are those that a test puts there, all share one version counter, and nothing is validated.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { KubernetesApi } from '../api.ts';
import type { KubernetesObject } from '../objects.ts';

interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

/** Returns true if it has answered the request. */
type Interceptor = (request: Recorded, response: ServerResponse) => boolean;

export class ApiServer {
  readonly requests: Recorded[] = [];
  readonly objects = new Map<string, KubernetesObject>();
  /** Responses of the open watches. */
  readonly watches = new Set<ServerResponse>();
  /** Called first for each request. */
  intercept: Interceptor = () => false;
  pageSize = 1000;
  #version = 100;
  readonly #server: Server;
  #api: KubernetesApi | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<ApiServer> {
    const server = createServer();
    const started = new ApiServer(server);
    server.on('request', (request, response) => void started.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return started;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Client of this server, for the namespace `test`. */
  get api(): KubernetesApi {
    if (this.#api !== undefined) return this.#api;
    const config = new KubeConfig();
    // The client library requires skipTLSVerify for a server without TLS.
    config.loadFromClusterAndUser(
      { name: 'test', server: this.origin, skipTLSVerify: true },
      { name: 'test', token: 'secret' },
    );
    this.#api = new KubernetesApi(config, { pools: ['test'] });
    return this.#api;
  }

  count(kind: 'list' | 'watch'): number {
    return this.requests.filter(({ method, query }) => method === 'GET' && query.has('watch') === (kind === 'watch'))
      .length;
  }

  /** Adds or changes an object and notifies watches. */
  put(name: string, labels: Readonly<Record<string, string>> = {}): void {
    const type = this.objects.has(name) ? 'MODIFIED' : 'ADDED';
    this.#version += 1;
    const object = { metadata: { name, uid: `uid-${name}`, resourceVersion: String(this.#version), labels } };
    this.objects.set(name, object);
    this.send({ type, object });
  }

  remove(name: string): void {
    this.#version += 1;
    const { metadata } = this.objects.get(name)!;
    this.objects.delete(name);
    this.send({ type: 'DELETED', object: { metadata: { ...metadata, resourceVersion: String(this.#version) } } });
  }

  /** Sends an event, or raw text, to every open watch. */
  send(event: object | string): void {
    const text = typeof event === 'string' ? event : `${JSON.stringify(event)}\n`;
    for (const watch of this.watches) watch.write(text);
  }

  bookmark(): void {
    this.#version += 1;
    this.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#version) } } });
  }

  /** Ends all watches: `end` as after their timeout, `destroy` as a lost connection. */
  endWatches(how: 'end' | 'destroy'): void {
    for (const watch of this.watches) {
      if (how === 'end') watch.end();
      else watch.destroy();
    }
  }

  get version(): string {
    return String(this.#version);
  }

  async close(): Promise<void> {
    this.#api?.close();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://test');
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const recorded: Recorded = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      contentType: request.headers['content-type'],
      body: text === '' ? undefined : JSON.parse(text),
    };
    this.requests.push(recorded);
    if (this.intercept(recorded, response)) return;
    if (!url.searchParams.has('watch')) this.#list(url.searchParams.get('continue'), response);
    else {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      this.watches.add(response);
      response.on('close', () => this.watches.delete(response));
    }
  }

  #list(from: string | null, response: ServerResponse): void {
    const all = [...this.objects.values()];
    const start = Number(from ?? 0);
    const end = start + this.pageSize;
    const metadata = { resourceVersion: this.version, ...(end < all.length ? { continue: String(end) } : {}) };
    response.writeHead(200).end(JSON.stringify({ metadata, items: all.slice(start, end) }));
  }
}

/** Answers with an error Status, as the API server does. */
export function refuse(response: ServerResponse, code: number, message: string): true {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Status', status: 'Failure', code, message }));
  return true;
}

/** Polls until the condition holds. The limit is generous for busy machines. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`gave up after 30 s waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
