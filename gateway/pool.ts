/** One pool at this gateway: puts its parts together, and keeps them at the spec and the pods that the cluster shows. */
import type { Logger } from 'pino';
import type { Pod } from '../cluster/port.ts';
import type { ModelPool } from '../contract/model-pool.ts';
import type { PoolModel } from '../contract/model-versions.ts';
import type { ServedModel } from '../contract/pod-status.ts';
import type { RepositoryAction } from '../contract/repository.ts';
import { Admission } from './admission.ts';
import { Dispatch } from './dispatch/dispatch.ts';
import { Endpoints } from './endpoints/endpoints.ts';
import type { LoopClock } from './endpoints/loop-clock.ts';
import type { Connect } from './endpoints/pod-connection.ts';
import { PodSchedule } from './endpoints/pod-schedule.ts';
import { ModelWords } from './model-words.ts';
import type { ModelQueue, PendingRequest } from './queue/model-queue.ts';
import { RequestBook } from './queue/request-book.ts';
import type { PredictRequest } from './queue/request.ts';
import type { RequestTrace } from './telemetry/tracing.ts';

export interface PoolDeps {
  readonly clock: LoopClock;
  readonly log: Logger;
  /** Tells the scaler at once: a request meets no pod, or would wait longer than the objective (1 s without one). */
  readonly wake: () => void;
  readonly connect: Connect;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class Pool {
  readonly name: string;
  readonly book: RequestBook;
  readonly endpoints: Endpoints;
  readonly admission: Admission;
  readonly words = new ModelWords();
  readonly #clock: LoopClock;
  readonly #wake: () => void;
  readonly #dispatch: Dispatch;
  #spec: ModelPool['spec'];

  constructor(pool: ModelPool, { clock, log, wake, connect, random }: PoolDeps) {
    this.name = pool.metadata.name;
    this.#clock = clock;
    this.#wake = wake;
    this.#spec = pool.spec;
    const spec = (): ModelPool['spec'] => this.#spec;
    const poolLog = log.child({ pool: this.name });
    const book = new RequestBook({ pool: this.name, spec, now: () => clock.nowMs });
    const events = {
      onChange: () => this.#dispatch.scheduleRound(),
      onStatus: ({ models }: { models: readonly ServedModel[] }) => this.#learn(models),
      onReleased: wake,
    };
    const endpoints = new Endpoints({ spec, events, clock, log: poolLog, connect });
    const podSchedule = new PodSchedule(endpoints, clock);
    this.book = book;
    this.endpoints = endpoints;
    this.admission = new Admission({ spec, book, endpoints, podSchedule, clock, wake });
    this.#dispatch = new Dispatch({ spec, book, endpoints, podSchedule, clock, random, log: poolLog });
    this.configure(pool.spec);
  }

  get spec(): ModelPool['spec'] {
    return this.#spec;
  }

  /** Takes a person's word on a model, and tells the scaler at once. */
  say(model: string, action: RepositoryAction): void {
    this.words.say(model, action, this.#clock.nowMs);
    this.#wake();
  }

  /** Takes a changed spec; what waits for a model that has left is answered 404. */
  configure(spec: ModelPool['spec']): void {
    this.#spec = spec;
    this.book.configure(spec.models);
  }

  /** @param versions default version of each model, as the cluster shows them */
  applyPods(pods: readonly Pod[], versions: readonly PoolModel[] = []): void {
    this.endpoints.apply(pods);
    this.endpoints.applyVersions(versions);
  }

  /**
   * Takes the request into the queue; it will be settled exactly once.
   * @throws SluiceError of status 503 if it may not wait
   */
  submit(modelQueue: ModelQueue, request: PredictRequest, trace: RequestTrace | null): PendingRequest {
    const pending = this.admission.admit(modelQueue, request, trace);
    this.#dispatch.scheduleRound();
    return pending;
  }

  /** Tries held requests again: a client may have room for their answers now. */
  onAnswerRoom(): void {
    this.#dispatch.onAnswerRoom();
  }

  /** Called several times a second. */
  tick(): void {
    this.endpoints.tick();
    this.admission.tick();
  }

  /** Answers what waits with 404; what is with a pod is lost with its connection, and answered 404 then. */
  async close(): Promise<void> {
    this.book.configure([]);
    await this.endpoints.close();
    this.book.close();
  }

  #learn(models: readonly ServedModel[]): void {
    for (const model of models) {
      if (!model.ready || !model.isDefault) continue;
      const modelQueue = this.book.modelQueues.get(model.name);
      const found = this.endpoints.unbatched.find(model);
      // A pod that has not been told yet still says that it batches.
      modelQueue?.learnWarmup(found === undefined ? model : { ...model, maxRows: 1 });
      modelQueue?.learnBatching(found?.reason ?? model.unbatchedReason ?? null);
    }
  }
}
