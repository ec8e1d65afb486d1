/**
 * The API server at a loopback port, by way of `kubectl proxy`, for a process of this machine: what it asks is counted, and
 * the way can be cut. Any kubeconfig will do; nothing of the cluster itself is touched.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { KubeConfig } from '@kubernetes/client-node';
import { KubernetesApi } from '../../../cluster/kubernetes/api.ts';

/** Refused: as a server that has gone. Silent: as a network that swallows; connections stay, and nothing comes. */
export type Way = 'open' | 'refused' | 'silent';

export class ApiGate {
  /** Requests since the last clearing, by verb and resource as RBAC names them: `watch pods`. */
  readonly counts = new Map<string, number>();
  /** A kubeconfig file, for processes. */
  readonly kubeconfig: string;
  readonly #folder: string;
  readonly #origin: string;
  readonly #port: number;
  readonly #proxy: ChildProcess;
  readonly #server: http.Server;
  readonly #held = new Set<http.ServerResponse>();
  readonly #agent: http.Agent;
  #way: Way = 'open';

  private constructor(parts: { folder: string; port: number; proxy: ChildProcess; server: http.Server; to: number }) {
    const { folder, port, proxy, server, to } = parts;
    this.#folder = folder;
    this.kubeconfig = path.join(folder, 'kubeconfig');
    this.#port = port;
    this.#origin = `http://127.0.0.1:${port}`;
    this.#proxy = proxy;
    this.#server = server;
    this.#agent = new http.Agent({ keepAlive: true });
    server.on('request', (request, response) => this.#pass(request, response, to));
  }

  static async start(): Promise<ApiGate> {
    const proxy = spawn('kubectl', ['proxy', '--port=0', '--address=127.0.0.1'], {
      // Standard error is ignored: kubectl proxy logs there each watch that its client ends.
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const to = await servedPort(proxy);
      const server = http.createServer();
      await listen(server, 0);
      const { port } = server.address() as AddressInfo;
      const folder = await mkdtemp(path.join(tmpdir(), 'sluice-api-'));
      const gate = new ApiGate({ folder, port, proxy, server, to });
      await writeFile(gate.kubeconfig, gate.#config().exportConfig());
      return gate;
    } catch (error) {
      proxy.kill();
      throw error;
    }
  }

  /** A client that goes through it. */
  api(namespace: string): KubernetesApi {
    return new KubernetesApi(this.#config(), { pools: [namespace] });
  }

  async set(way: Way): Promise<void> {
    this.#way = way;
    if (way === 'silent') return;
    if (way === 'refused') this.#server.close();
    // Open connections break on the way back too: after a silence none may go on as if nothing had happened.
    for (const response of this.#held) response.destroy();
    this.#held.clear();
    this.#server.closeAllConnections();
    if (way === 'open' && !this.#server.listening) await listen(this.#server, this.#port);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
    this.#proxy.kill();
    await rm(this.#folder, { recursive: true });
  }

  #config(): KubeConfig {
    const config = new KubeConfig();
    // The client library refuses a server without TLS unless verification is off.
    config.loadFromClusterAndUser({ name: 'gate', server: this.#origin, skipTLSVerify: true }, { name: 'gate' });
    return config;
  }

  #pass(request: http.IncomingMessage, response: http.ServerResponse, to: number): void {
    const { method = 'GET', url = '/', headers } = request;
    const what = verbAndResource(method, new URL(url, this.#origin));
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    this.#held.add(response);
    response.on('close', () => this.#held.delete(response));
    if (this.#way !== 'open') return;
    const options = { host: '127.0.0.1', port: to, method, path: url, headers, agent: this.#agent };
    const passed = http.request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('data', (piece: Buffer) => {
        if (this.#way === 'open') response.write(piece);
      });
      answer.on('end', () => {
        if (this.#way === 'open') response.end();
      });
      answer.on('error', () => response.destroy());
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  }
}

/** Verb and resource of an API request, as RBAC names them. */
function verbAndResource(method: string, { pathname, searchParams }: URL): string {
  const parts = pathname.split('/').slice(1);
  const afterVersion = parts.slice(parts[0] === 'api' ? 2 : 3);
  const [resource = '', name, subresource] = afterVersion[0] === 'namespaces' ? afterVersion.slice(2) : afterVersion;
  const reading = searchParams.get('watch') === 'true' ? 'watch' : name === undefined ? 'list' : 'get';
  const verbs: Record<string, string> = {
    GET: reading,
    POST: 'create',
    PUT: 'update',
    PATCH: 'patch',
    DELETE: 'delete',
  };
  return `${verbs[method] ?? method} ${subresource === undefined ? resource : `${resource}/${subresource}`}`;
}

async function servedPort(proxy: ChildProcess): Promise<number> {
  const lines = createInterface({ input: proxy.stdout! });
  const ended = once(proxy, 'exit').then(() => Promise.reject(new Error('kubectl proxy ended before it served')));
  const served = (async () => {
    for await (const line of lines) {
      const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port !== undefined) return Number(port);
    }
    return ended;
  })();
  return Promise.race([served, ended]);
}

function listen(server: http.Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
