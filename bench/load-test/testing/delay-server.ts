/**
 * A server with known delays, on a thread of its own, to check a load generator against: it answers its n-th request
 * after the n-th of its delays, in a cycle, and may stall once as a whole.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface DelayServerOptions {
  readonly delaysMs: readonly number[];
  /** Serve one request after the other, as a server with one model does. */
  readonly sequential?: boolean;
  /** Block the whole thread for so long once: on this request, or on the first one so long after the start of the load. */
  readonly stall?: { readonly lastsMs: number } & ({ readonly atRequest: number } | { readonly afterMs: number });
  /** Prefix of all paths, such as `/behind/a/proxy`; requests without it get 404. */
  readonly prefix?: string;
  /** Cut the connection of every n-th request, without an answer. */
  readonly cutEvery?: number;
  /** Answer no request from so long after the start of the load on. */
  readonly hangsAfterMs?: number;
  /** Close each connection after its first answer, announced by `connection: close`. */
  readonly closes?: boolean;
  /** Answer every n-th request at once with this status instead. */
  readonly refuse?: { readonly every: number; readonly status: number };
}

export interface DelayServer {
  readonly origin: string;
  /** Longest lateness so far of an answer that no stall delayed: the part that a busy machine added. */
  latenessMs(): Promise<number>;
  /** Times at which it took up each request, in the order in which they came, by its own clock. */
  takenAtMs(): Promise<number[]>;
  close(): Promise<void>;
}

export async function startDelayServer(options: DelayServerOptions): Promise<DelayServer> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { delayServer: options } });
  const [port] = (await once(worker, 'message')) as [number];
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    latenessMs: async () => Number(await (await fetch(`${origin}${latenessPath}`)).text()),
    takenAtMs: async () => (await (await fetch(`${origin}${takenPath}`)).json()) as number[],
    close: () => worker.terminate().then(() => undefined),
  };
}

const latenessPath = '/lateness';
const takenPath = '/taken';
const metadata = { name: 'm', platform: 'test', inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] };

function serve(options: DelayServerOptions): void {
  const {
    delaysMs,
    sequential = false,
    stall,
    refuse,
    cutEvery,
    hangsAfterMs = Infinity,
    closes = false,
    prefix = '',
  } = options;
  let count = 0;
  let latenessMs = 0;
  let stallEndedMs = -Infinity;
  const takenAtMs: number[] = [];
  let last = Promise.resolve();
  // The first request is the tool's own, to see whether it is answered; on a busy machine the load comes much later.
  const isAfterStart = (ms: number): boolean => performance.now() - (takenAtMs[1] ?? Infinity) >= ms;
  const isStallDue = (due: NonNullable<DelayServerOptions['stall']>, number: number): boolean =>
    'atRequest' in due ? number === due.atRequest : isAfterStart(due.afterMs);
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === latenessPath) {
      response.end(String(latenessMs));
      return;
    }
    if (request.url === takenPath) {
      response.end(JSON.stringify(takenAtMs));
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
    if (isAfterStart(hangsAfterMs)) return;
    if (cutEvery !== undefined && number % cutEvery === cutEvery - 1) {
      request.socket.destroy();
      return;
    }
    const answer = (status: number): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...(closes ? { connection: 'close' } : {}) });
      response.end('{"outputs":[]}');
    };
    if (stall !== undefined && stallEndedMs === -Infinity && isStallDue(stall, number)) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stall.lastsMs);
      stallEndedMs = performance.now();
    }
    if (refuse !== undefined && number % refuse.every === refuse.every - 1) {
      answer(refuse.status);
      return;
    }
    const delayMs = delaysMs[number % delaysMs.length]!;
    const receivedMs = performance.now();
    takenAtMs.push(receivedMs);
    const wait = async (): Promise<void> => {
      // Waiting for earlier requests of a sequential server is no lateness.
      const beganMs = performance.now();
      await sleep(delayMs);
      if (receivedMs >= stallEndedMs) latenessMs = Math.max(latenessMs, performance.now() - beganMs - delayMs);
    };
    const done = sequential ? (last = last.then(wait)) : wait();
    void done.then(() => answer(200));
  });
  server.keepAliveTimeout = 60_000;
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
    parentPort!.postMessage((server.address() as AddressInfo).port);
  });
}

const data = workerData as { readonly delayServer?: DelayServerOptions } | null;
if (!isMainThread && data?.delayServer !== undefined) serve(data.delayServer);
