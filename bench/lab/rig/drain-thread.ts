/** Thread that reads and drops the answer of a URL, so that a large answer does not delay a measurement beside it. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

export interface Drain {
  /** Resolves when the whole answer has been read. */
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
