/** All pools of this gateway, following the cluster's view; finds the pool and modelQueue of a model. */
import type { Logger } from 'pino';
import type { Cluster, ClusterView } from '../cluster/port.ts';
import { SluiceError } from '../contract/errors.ts';
import type { ModelQueue } from './queue/model-queue.ts';
import { LoopClock, tickMs } from './endpoints/loop-clock.ts';
import { Pool } from './pool.ts';

export interface ModelPlace {
  readonly pool: Pool;
  readonly modelQueue: ModelQueue;
}

export class Pools {
  readonly #pools = new Map<string, Pool>();
  #places = new Map<string, ModelPlace>();
  readonly #now: () => number;
  readonly #loopClock: LoopClock;
  readonly #log: Logger;
  readonly #wake: () => void;
  readonly #stopWatching: () => void;
  readonly #ticker: NodeJS.Timeout;
  #known = false;
  #ready = false;

  /** @param wake tells the scaler at once */
  constructor(cluster: Cluster, now: () => number, log: Logger, wake: () => void = () => undefined) {
    this.#wake = wake;
    this.#now = now;
    this.#loopClock = new LoopClock(now);
    this.#log = log;
    this.#stopWatching = cluster.watch((view) => this.#apply(view));
    this.#ticker = setInterval(() => {
      this.#loopClock.tick();
      for (const pool of this.#pools.values()) pool.tick();
    }, tickMs);
  }

  /** Whether the cluster has told its pools and pods: before, nothing can be said of any model. */
  get known(): boolean {
    return this.#known;
  }

  /**
   * Whether clients may be sent here: it knows its pods, and each that was there has been asked how it is (a second at
   * most). Before that a pool that is well would look like one without a pod. Once true it stays so.
   */
  get ready(): boolean {
    this.#ready ||= this.#known && [...this.#pools.values()].every(({ endpoints }) => endpoints.asked);
    return this.#ready;
  }

  get all(): IterableIterator<Pool> {
    return this.#pools.values();
  }

  get models(): string[] {
    return [...this.#places.keys()].sort();
  }

  /** @throws SluiceError `model-not-found`, or `model-not-ready` before the first view */
  find(model: string): ModelPlace {
    const place = this.#places.get(model);
    if (place !== undefined) return place;
    if (!this.#known) {
      throw new SluiceError('model-not-ready', 'this gateway does not know its pools yet', { retryAfterSeconds: 1 });
    }
    throw new SluiceError('model-not-found', `Request for unknown model: '${model}' is not found`);
  }

  async close(): Promise<void> {
    this.#stopWatching();
    clearInterval(this.#ticker);
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  #apply(view: ClusterView): void {
    const places = new Map<string, ModelPlace>();
    const names = new Set<string>();
    for (const spec of view.pools) {
      const { name } = spec.metadata;
      names.add(name);
      let pool = this.#pools.get(name);
      if (pool === undefined) {
        pool = new Pool(spec, this.#now, this.#loopClock, this.#log, this.#wake);
        this.#pools.set(name, pool);
      } else {
        pool.configure(spec.spec);
      }
      for (const [model, modelQueue] of pool.modelQueues) {
        const other = places.get(model);
        if (other === undefined) places.set(model, { pool, modelQueue });
        else this.#log.error({ model, pools: [other.pool.name, name] }, 'two pools serve one model: the first has it');
      }
    }
    for (const [name, pool] of this.#pools) {
      if (names.has(name)) continue;
      this.#pools.delete(name);
      void pool.close();
    }
    this.#places = places;
    for (const pool of this.#pools.values()) pool.applyPods(view.pods.filter((pod) => pod.pool === pool.name));
    this.#known = true;
  }
}
