/** A thread that reads what a URL answers and lets go of it: a large answer then makes nobody wait who measures beside it. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

export interface Drain {
  /** Resolves when all has been read. */
  read(url: string): Promise<void>;
  stop(): Promise<void>;
}

export function startDrain(): Drain {
  const worker = new Worker(new URL(import.meta.url));
  return {
    read: async (url) => {
      worker.postMessage(url);
      await once(worker, 'message');
    },
    stop: async () => {
      await worker.terminate();
    },
  };
}

async function read(url: string): Promise<void> {
  const { body } = await fetch(url);
  await body!.pipeTo(new WritableStream());
  parentPort!.postMessage('read');
}

if (!isMainThread) parentPort!.on('message', (url: string) => void read(url));
