/** All pools of this gateway, following the cluster's view; finds the pool and the queue of a model. */
import type { Logger } from 'pino';
import type { Cluster, ClusterView } from '../cluster/port.ts';
import { SluiceError } from '../contract/errors.ts';
import type { BodyRoom } from '../runtime/http/read-body.ts';
import type { SharedSecret } from '../runtime/http/shared-secret.ts';
import type { AnswerGate } from './endpoints/answer-gate.ts';
import { LoopClock, tickMs } from './endpoints/loop-clock.ts';
import { EnvelopeTurns } from './endpoints/envelope-turns.ts';
import { Upstream } from './endpoints/upstream.ts';
import { Pool, type PoolDeps } from './pool.ts';
import type { ModelQueue } from './queue/model-queue.ts';
import type { BodyPlace, QueueRoom } from './queue/queue-room.ts';

/** Where the requests for a model go. */
export class ModelPlace {
  readonly pool: Pool;
  readonly modelQueue: ModelQueue;
  readonly #rooms: LevelRoom[] = [];

  constructor(pool: Pool, modelQueue: ModelQueue) {
    this.pool = pool;
    this.modelQueue = modelQueue;
  }

  /** Room for bodies of a priority level while they arrive. */
  room(level: number): BodyRoom {
    return (this.#rooms[level] ??= new LevelRoom(this.pool.book.room, this.modelQueue, level));
  }
}

class LevelRoom implements BodyRoom, BodyPlace {
  readonly modelQueue: ModelQueue;
  readonly level: number;
  readonly #room: QueueRoom;

  constructor(room: QueueRoom, modelQueue: ModelQueue, level: number) {
    this.#room = room;
    this.modelQueue = modelQueue;
    this.level = level;
  }

  check(announcedBytes: number): void {
    this.#room.check(this, announcedBytes);
  }

  reserve(bodyBytes: number, more: number): void {
    this.#room.reserve(this, bodyBytes, more);
  }

  release(bytes: number): void {
    this.#room.release(bytes);
  }
}

export interface PoolsDeps {
  readonly cluster: Cluster;
  /** Monotonic clock, milliseconds. */
  readonly now: () => number;
  readonly log: Logger;
  /** Sent to the pods of this system, and to nobody else. */
  readonly secret: SharedSecret;
  /** Room for answers of all pools. */
  readonly gate: AnswerGate;
  /** Tells the scaler at once. */
  readonly wake?: () => void;
  /** Whether a scaler follows the load reports; none does unless given. */
  readonly isFollowed?: () => boolean;
}

export class Pools {
  readonly #pools = new Map<string, Pool>();
  #places = new Map<string, ModelPlace>();
  /** Models in more than one pool that were logged, so that each is logged once and not with every view. */
  #contested = new Set<string>();
  readonly #poolDeps: PoolDeps;
  readonly #isFollowed: () => boolean;
  readonly #log: Logger;
  readonly #stopWatching: () => void;
  readonly #ticker: NodeJS.Timeout;
  #known = false;
  #ready = false;

  constructor({ cluster, now, log, secret, gate, wake = () => undefined, isFollowed = () => false }: PoolsDeps) {
    this.#isFollowed = isFollowed;
    const clock = new LoopClock(now);
    const turns = new EnvelopeTurns(now);
    this.#poolDeps = {
      clock,
      log,
      wake,
      connect: (origin, isPeer) => new Upstream(origin, isPeer ? secret : null, { gate, turns }),
      random: Math.random,
    };
    this.#log = log;
    this.#stopWatching = cluster.watch((view) => this.#apply(view));
    this.#ticker = setInterval(() => {
      clock.tick();
      for (const pool of this.#pools.values()) pool.tick();
    }, tickMs);
  }

  /** Whether the cluster has shown its pools and pods: before, nothing can be said of any model. */
  get known(): boolean {
    return this.#known;
  }

  /**
   * Whether clients may be sent here: the gateway knows its pods, and has probed each that was there (a second at most).
   * Before that a pool that is well would look like one without a pod. Once true it stays so.
   */
  get ready(): boolean {
    this.#ready ||= this.#known && [...this.#pools.values()].every(({ endpoints }) => endpoints.allProbed);
    return this.#ready;
  }

  /** Whether a scaler follows the load reports of this gateway. */
  get isFollowed(): boolean {
    return this.#isFollowed();
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

  /** Sends requests again whose answers had no room. */
  onAnswerRoom(): void {
    for (const pool of this.#pools.values()) pool.onAnswerRoom();
  }

  async close(): Promise<void> {
    this.#stopWatching();
    clearInterval(this.#ticker);
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  #apply(view: ClusterView): void {
    const places = new Map<string, ModelPlace>();
    const contested = new Set<string>();
    const names = new Set<string>();
    for (const spec of view.pools) {
      const { name } = spec.metadata;
      names.add(name);
      let pool = this.#pools.get(name);
      if (pool === undefined) {
        pool = new Pool(spec, this.#poolDeps);
        this.#pools.set(name, pool);
      } else {
        pool.configure(spec.spec);
      }
      for (const [model, modelQueue] of pool.book.modelQueues) {
        const other = places.get(model);
        if (other === undefined) {
          places.set(model, new ModelPlace(pool, modelQueue));
          continue;
        }
        const pools = [other.pool.name, name];
        const claim = [model, ...pools].join(' ');
        contested.add(claim);
        if (!this.#contested.has(claim))
          this.#log.error({ model, pools }, 'two pools claim one model: the first has it');
      }
    }
    for (const [name, pool] of this.#pools) {
      if (names.has(name)) continue;
      this.#pools.delete(name);
      void pool.close();
    }
    this.#places = places;
    this.#contested = contested;
    for (const pool of this.#pools.values()) {
      const pods = view.pods.filter((pod) => pod.pool === pool.name);
      pool.applyPods(pods, view.versions?.[pool.name]);
    }
    this.#known = true;
  }
}
