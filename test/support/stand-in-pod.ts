/**
 * A server that speaks the wire of a pod and can be told to misbehave, as no real model server can: to hang, to answer
 * garbage, to die of one request. Answers each item with its own body, so that a test sees whose answer it got.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ItemHead } from '../../contract/envelope.ts';
import { appendFrame, FrameDecoder, type AnswerHead } from '../../contract/envelope.ts';
import { paths } from '../../contract/headers.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import type { Pod } from '../../cluster/port.ts';
import { freePort } from './free-port.ts';

export type Behaviour =
  | { readonly kind: 'well' }
  /** Answers after so long, one envelope after the other, and reports `occupiedMs` for each run, or as long as it took. */
  | { readonly kind: 'slow'; readonly ms: number; readonly occupiedMs?: number }
  /** Answers once the promise resolves. */
  | { readonly kind: 'held'; readonly until: Promise<unknown> }
  | { readonly kind: 'hang' }
  | { readonly kind: 'garbage' }
  | { readonly kind: 'errors' }
  | { readonly kind: 'busy' }
  /** Answers half of an envelope, then cuts the connection. */
  | { readonly kind: 'half' }
  /** Ends like a crashed process when a body contains the word. */
  | { readonly kind: 'mortal'; readonly word: string };

/** A pod of the pool `pool` as a cluster shows one that is ready. */
export function readyPod(uid: string, origin: string): Pod {
  return {
    uid,
    name: `pod-${uid}`,
    pool: 'pool',
    phase: 'Ready',
    origin,
    isPeer: true,
    restarts: 0,
    createdAtMs: 0,
    readyAtMs: 0,
    reason: null,
  };
}

export class StandInPod {
  readonly uid: string;
  readonly models: readonly string[];
  behaviour: Behaviour = { kind: 'well' };
  draining = false;
  /** Bodies of the items of each envelope that came, as text. */
  readonly envelopes: string[][] = [];
  /** Heads of all items that came, in that order. */
  readonly heads: ItemHead[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #host: string;
  readonly #version: string;
  #server: Server;
  #port: number;
  #stopped = false;
  #running: Promise<unknown> = Promise.resolve();

  /** @param address of its own, for many pods at one port: each in 127.0.0.0/8 is this machine's on Linux */
  constructor(uid: string, models: readonly string[], { host = '127.0.0.1', port = 0, version = '1' } = {}) {
    this.#version = version;
    this.uid = uid;
    this.models = models;
    this.#host = host;
    this.#port = port;
    this.#server = this.#newServer();
  }

  get pod(): Pod {
    return readyPod(this.uid, `http://${this.#host}:${this.#port}`);
  }

  /** Listens, on the port that it had before if it has been started once; nothing while it does. */
  async start(): Promise<void> {
    if (this.#stopped || this.#server.listening) return;
    // A port that the system gives to anybody may be another's when the pod comes back.
    if (this.#port === 0) this.#port = await freePort(this.#host);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#host, resolve);
    });
  }

  /** Ends the pod like kill -9, and for good: a later restart does nothing. */
  stop(): void {
    this.#stopped = true;
    this.die();
  }

  /** Imitates kill -9: every connection is reset, new ones are refused. */
  die(): void {
    this.#server.close();
    for (const socket of this.#sockets) {
      // A socket that is reset during its shutdown never closes, and the process spins.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
    this.#server = this.#newServer();
  }

  #newServer(): Server {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    return server;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isDrain = request.url?.split('?')[0] === paths.drain;
    if (isDrain) this.draining = request.method === 'POST';
    if (request.url === paths.podStatus || isDrain) return this.#status(response);
    if (request.url === paths.versions) {
      // A pod from before wishes has no such path.
      response.writeHead(404).end();
      return;
    }
    const decoder = new FrameDecoder({ maxBodyBytes: 1 << 30 });
    const items: { head: ItemHead; body: Buffer }[] = [];
    for await (const piece of request as AsyncIterable<Buffer>) {
      for (const { head, body } of decoder.push(piece))
        items.push({ head: JSON.parse(head.toString()) as ItemHead, body });
    }
    this.envelopes.push(items.map((item) => item.body.toString()));
    this.heads.push(...items.map(({ head }) => head));
    const { behaviour } = this;
    switch (behaviour.kind) {
      case 'hang':
        return;
      case 'garbage':
        response.end(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0x78]));
        return;
      case 'busy':
        response.writeHead(503).end('{"error":"busy"}');
        return;
      case 'mortal':
        if (items.some((item) => item.body.includes(behaviour.word))) return this.die();
        break;
      case 'half':
        response.write(this.#answers(items.slice(0, Math.floor(items.length / 2)), 200));
        setTimeout(() => response.socket?.resetAndDestroy(), 20);
        return;
      case 'slow':
        // Slow answers come one after the other, as a pod runs its batches.
        this.#running = this.#running.then(() => new Promise((resolve) => setTimeout(resolve, behaviour.ms)));
        await this.#running;
        break;
      case 'held':
        await behaviour.until;
        break;
      case 'well':
      case 'errors':
        break;
    }
    const parts: Buffer[] = [this.#answers(items, behaviour.kind === 'errors' ? 500 : 200)];
    const occupiedUs = behaviour.kind === 'slow' ? (behaviour.occupiedMs ?? behaviour.ms) * 1000 : 500;
    const runs = [{ rows: items.length, ownRows: items.length, queueUs: 0, occupiedUs }];
    appendFrame(parts, { runs, queuedRows: 0, inFlight: 0, draining: this.draining }, []);
    response.end(Buffer.concat(parts));
  }

  #answers(items: readonly { head: ItemHead; body: Buffer }[], status: number): Buffer {
    const parts: Buffer[] = [];
    for (const { head, body } of items) {
      const answer: AnswerHead = { index: head.index, status, contentType: 'application/json', rows: 1, run: 0 };
      appendFrame(parts, answer, [status < 500 ? body : Buffer.from('{"error":"stand-in"}')]);
    }
    return Buffer.concat(parts);
  }

  #status(response: ServerResponse): void {
    if (this.behaviour.kind === 'hang') return;
    const status: PodStatus = {
      uid: this.uid,
      state: this.draining ? 'draining' : 'ready',
      inFlight: 0,
      queuedRows: 0,
      models: this.models.map((name) => ({
        name,
        version: this.#version,
        ready: true,
        isDefault: true,
        maxRows: 64,
        maxRequestRows: 64,
        warmup: [
          { rows: 1, occupiedUs: 500 },
          { rows: 64, occupiedUs: 700 },
        ],
      })),
    };
    response.end(JSON.stringify(status));
  }
}
