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
  /** Before all of its paths, as `/behind/a/proxy`; what comes without it is 404. */
  readonly prefix?: string;
  /** On every n-th request its connection is cut, without an answer. */
  readonly cutEvery?: number;
  /** From its n-th request on it answers none. */
  readonly hangsFrom?: number;
  /** Each answer says that it is the last of its connection, and it is. */
  readonly closes?: boolean;
  /** Every n-th request gets this status instead, at once. */
  readonly refuse?: { readonly every: number; readonly status: number };
}

export interface DelayServer {
  readonly origin: string;
  /** The most by which an answer that no stall held up has missed its delay so far: what a starved machine added. */
  latenessMs(): Promise<number>;
  close(): Promise<void>;
}

export async function startDelayServer(options: DelayServerOptions): Promise<DelayServer> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { delayServer: options } });
  const [port] = (await once(worker, 'message')) as [number];
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    latenessMs: async () => Number(await (await fetch(`${origin}${latenessPath}`)).text()),
    close: () => worker.terminate().then(() => undefined),
  };
}

const latenessPath = '/lateness';
const metadata = { name: 'm', platform: 'test', inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] };

function serve(options: DelayServerOptions): void {
  const {
    delaysMs,
    sequential = false,
    stall,
    refuse,
    cutEvery,
    hangsFrom = Infinity,
    closes = false,
    prefix = '',
  } = options;
  let count = 0;
  let latenessMs = 0;
  let stallEndedMs = -Infinity;
  let last = Promise.resolve();
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === latenessPath) {
      response.end(String(latenessMs));
      return;
    }
    if (request.method === 'GET') {
      const known = request.url === `${prefix}/v2/models/m`;
      response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(known ? metadata : { error: `no ${request.url}` }));
      return;
    }
    const number = count;
    count += 1;
    if (request.url !== `${prefix}/v2/models/m/infer`) {
      response.writeHead(404).end();
      return;
    }
    if (number >= hangsFrom) return;
    if (cutEvery !== undefined && number % cutEvery === cutEvery - 1) {
      request.socket.destroy();
      return;
    }
    const answer = (status: number): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...(closes ? { connection: 'close' } : {}) });
      response.end('{"outputs":[]}');
    };
    if (number === stall?.atRequest) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stall.lastsMs);
      stallEndedMs = performance.now();
    }
    if (refuse !== undefined && number % refuse.every === refuse.every - 1) {
      answer(refuse.status);
      return;
    }
    const delayMs = delaysMs[number % delaysMs.length]!;
    const receivedMs = performance.now();
    const done = sequential ? (last = last.then(() => sleep(delayMs))) : sleep(delayMs);
    void done.then(() => {
      const late = performance.now() - receivedMs - delayMs;
      // One after the other, the wait for those before is no lateness.
      if (!sequential && receivedMs >= stallEndedMs) latenessMs = Math.max(latenessMs, late);
      answer(200);
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
    parentPort!.postMessage((server.address() as AddressInfo).port);
  });
}

const data = workerData as { readonly delayServer?: DelayServerOptions } | null;
if (!isMainThread && data?.delayServer !== undefined) serve(data.delayServer);
