/**
 * A server whose delays are known, on a thread of its own, to hold a load generator to: it answers its n-th request
 * after the n-th of its delays, in a cycle, and may stall as a whole, answering nobody, once.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface DelayServerOptions {
  readonly delaysMs: readonly number[];
  /** One request after the other, as a server with one model does. */
  readonly sequential?: boolean;
  /** On its n-th request the whole thread stops for so long. */
  readonly stall?: { readonly atRequest: number; readonly lastsMs: number };
  /** Every n-th request gets this status instead, at once. */
  readonly refuse?: { readonly every: number; readonly status: number };
}

export interface DelayServer {
  readonly origin: string;
  close(): Promise<void>;
}

export async function startDelayServer(options: DelayServerOptions): Promise<DelayServer> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { delayServer: options } });
  const [port] = (await once(worker, 'message')) as [number];
  return { origin: `http://127.0.0.1:${port}`, close: () => worker.terminate().then(() => undefined) };
}

const metadata = { name: 'm', platform: 'test', inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] };

function serve({ delaysMs, sequential = false, stall, refuse }: DelayServerOptions): void {
  let count = 0;
  let last = Promise.resolve();
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === 'GET') {
      const known = request.url === '/v2/models/m';
      response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(known ? metadata : { error: `no ${request.url}` }));
      return;
    }
    const number = count;
    count += 1;
    const answer = (status: number): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end('{"outputs":[]}');
    };
    if (number === stall?.atRequest) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stall.lastsMs);
    }
    if (refuse !== undefined && number % refuse.every === refuse.every - 1) {
      answer(refuse.status);
      return;
    }
    const delayMs = delaysMs[number % delaysMs.length]!;
    const done = sequential ? (last = last.then(() => sleep(delayMs))) : sleep(delayMs);
    void done.then(() => answer(200));
  });
  server.keepAliveTimeout = 60_000;
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
    parentPort!.postMessage((server.address() as AddressInfo).port);
  });
}

const data = workerData as { readonly delayServer?: DelayServerOptions } | null;
if (!isMainThread && data?.delayServer !== undefined) serve(data.delayServer);
