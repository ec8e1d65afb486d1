/**
 * Models of one pool that have waiting requests: which of them is next, and whose last request gives way. Joining and leaving take
 * constant time. Knows no room and no pods.
 */
import type { Levels } from '../policy/levels.ts';
import type { ModelQueue, PendingRequest } from './model-queue.ts';

export class WaitingModels {
  readonly #levels: Levels;
  /** Each queue has its index here as `waitingIndex`. */
  readonly #queues: ModelQueue[] = [];

  constructor(levels: Levels) {
    this.#levels = levels;
  }

  get size(): number {
    return this.#queues.length;
  }

  /** Queues with at least one waiting request, as they are now. */
  list(): readonly ModelQueue[] {
    return [...this.#queues];
  }

  /** Takes in the queue of a request that waits from now on, unless it is here already. */
  join(modelQueue: ModelQueue): void {
    if (modelQueue.waitingIndex !== -1) return;
    modelQueue.waitingIndex = this.#queues.length;
    this.#queues.push(modelQueue);
  }

  /** Removes the queue that a request has left, if that was its last one. */
  leaveIfEmpty(modelQueue: ModelQueue): void {
    if (modelQueue.size > 0) return;
    const last = this.#queues.pop()!;
    if (last !== modelQueue) {
      this.#queues[modelQueue.waitingIndex] = last;
      last.waitingIndex = modelQueue.waitingIndex;
    }
    modelQueue.waitingIndex = -1;
  }

  /** The model whose next request precedes those of all other models. */
  first(except: ReadonlySet<ModelQueue>): ModelQueue | undefined {
    let best: ModelQueue | undefined;
    let bestHead: PendingRequest | undefined;
    for (const modelQueue of this.#queues) {
      if (except.has(modelQueue)) continue;
      const head = modelQueue.peek()!;
      if (bestHead !== undefined && !this.#levels.precedes(head, bestHead)) continue;
      best = modelQueue;
      bestHead = head;
    }
    return best;
  }

  /** Last request of a level, of the model that has most of them. */
  lastAt(level: number): PendingRequest | undefined {
    let most = 0;
    let last: PendingRequest | undefined;
    for (const modelQueue of this.#queues) {
      const size = modelQueue.sizeAt(level);
      if (size <= most) continue;
      most = size;
      last = modelQueue.lastAt(level);
    }
    return last;
  }

  /** Age of the oldest waiting request; 0 without one. */
  oldestMs(nowMs: number): number {
    let oldest = nowMs;
    for (const modelQueue of this.#queues) oldest = Math.min(oldest, modelQueue.oldestArrivalMs());
    return nowMs - oldest;
  }
}
