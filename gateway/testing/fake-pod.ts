/** A pod without a socket: a test sees each call that it gets, and answers it when it likes. */
import type { AnswerHead, SummaryHead } from '../../contract/envelope.ts';
import type { PodStatus, ServedModel } from '../../contract/pod-status.ts';
import type { Pod } from '../../cluster/port.ts';
import type { BatchHandlers, Call, LossKind, PlainHandlers, PodConnection } from '../endpoints/pod-connection.ts';
import type { PendingRequest } from '../queue/model-queue.ts';

/** A batch that the pod was sent. */
export class FakeCall implements Call {
  readonly kind: 'envelope' | 'plain';
  readonly requests: readonly PendingRequest[];
  readonly #handlers: BatchHandlers;
  over = false;
  waitsForRoom = false;

  constructor(kind: 'envelope' | 'plain', requests: readonly PendingRequest[], handlers: BatchHandlers) {
    this.kind = kind;
    this.requests = requests;
    this.#handlers = handlers;
  }

  /** Their ids, in order. */
  get ids(): string[] {
    return this.requests.map(({ id }) => id);
  }

  answer(index: number, given: Partial<AnswerHead> = {}, retryAfter?: string): void {
    const head = { index, status: 200, contentType: 'application/json', rows: 1, run: 0, ...given };
    this.deliver(head, retryAfter);
  }

  /** Answers with this head, whether or not it belongs to a request. The body is the request's id. */
  deliver(head: AnswerHead, retryAfter?: string): void {
    this.#handlers.onAnswer(head.index, head, Buffer.from(this.requests[head.index]?.id ?? ''), retryAfter);
  }

  /** Ends the answer: with a summary if it is an envelope. */
  end(given: Partial<SummaryHead> = {}): void {
    this.over = true;
    const runs = [{ rows: this.requests.length, ownRows: this.requests.length, queueUs: 0, occupiedUs: 1_000 }];
    const summary = { runs, queuedRows: 0, inFlight: 0, draining: false, ...given };
    this.#handlers.onEnd(this.kind === 'plain' ? null : summary);
  }

  /** Ends the answer of an envelope without a summary. */
  cut(): void {
    this.over = true;
    this.#handlers.onEnd(null);
  }

  /** Answers all requests with this status, and ends. */
  finish(status = 200): void {
    for (const index of this.requests.keys()) this.answer(index, { status });
    this.end();
  }

  /** The call is lost, by the pod's doing or the gateway's. */
  abort(kind: LossKind, detail = 'by the test'): void {
    if (this.over) return;
    this.over = true;
    this.#handlers.onLost(kind, detail);
  }
}

/** A version as a pod lists it: version 1, ready, and the pod's own default, unless given. */
export function servedModel(name: string, given: Partial<ServedModel> = {}): ServedModel {
  return {
    name,
    version: '1',
    ready: true,
    isDefault: true,
    maxRows: 64,
    maxRequestRows: 1_024,
    warmup: [],
    ...given,
  };
}

export class FakePod implements PodConnection {
  readonly sendsSecret = false;
  readonly uid: string;
  readonly calls: FakeCall[] = [];
  /** Models that it serves; null for a foreign server, which takes plain requests and has no pod status. */
  models: readonly string[] | null;
  state: PodStatus['state'] | 'dead' = 'ready';
  maxRows = 64;
  warmup: ServedModel['warmup'] = [];
  /** Changes what it reports of a model. */
  changeModel: (model: ServedModel) => ServedModel = (model) => model;
  queuedRows = 0;
  probes = 0;
  /** How probes are lost, if they are. */
  loses: LossKind | undefined;
  /** Answers probes with what is no status. */
  garbled = false;
  closed = false;
  /** Adds to its status. */
  alsoReports: Partial<PodStatus> = {};
  /** Notices that it was sent, which the test answers. */
  readonly posts: { readonly path: string; readonly body: object; readonly handlers: PlainHandlers }[] = [];

  constructor(uid: string, models: readonly string[] | null) {
    this.uid = uid;
    this.models = models;
  }

  /** The pod as the cluster lists it. */
  listed(given: Partial<Pod> = {}): Pod {
    return {
      uid: this.uid,
      name: `pod-${this.uid}`,
      pool: 'pool',
      phase: 'Ready',
      origin: `http://${this.uid}`,
      restarts: 0,
      createdAtMs: 0,
      readyAtMs: 0,
      reason: null,
      ...given,
    };
  }

  /** Calls that it has not brought to an end. */
  get open(): FakeCall[] {
    return this.calls.filter(({ over }) => !over);
  }

  sendEnvelope(requests: readonly PendingRequest[], _nowMs: number, handlers: BatchHandlers): Call {
    return this.#take(new FakeCall('envelope', requests, handlers));
  }

  sendPlain(request: PendingRequest, _nowMs: number, handlers: BatchHandlers): Call {
    return this.#take(new FakeCall('plain', [request], handlers));
  }

  #take(call: FakeCall): FakeCall {
    this.calls.push(call);
    return call;
  }

  post(path: string, body: Buffer, handlers: PlainHandlers): Call {
    this.posts.push({ path, body: JSON.parse(body.toString()) as object, handlers });
    return { waitsForRoom: false, abort: (kind, detail) => handlers.onLost(kind, detail) };
  }

  /** Answers probes at the next turn; a dead pod never does. */
  get(path: string, handlers: PlainHandlers): Call {
    let over = false;
    if (path === '/v2/pod') this.probes += 1;
    const answer = (status: number, body: string): void => {
      if (over) return;
      over = true;
      handlers.onAnswer({
        status,
        contentType: 'application/json',
        inferenceHeaderLength: undefined,
        retryAfter: undefined,
        notReady: false,
        body: Buffer.from(body),
      });
    };
    setImmediate(() => {
      if (this.state === 'dead') return;
      if (this.loses !== undefined) return handlers.onLost(this.loses, 'by the test');
      if (this.garbled) return answer(200, '{}');
      if (this.models !== null) answer(200, JSON.stringify(this.#status(this.models, this.state)));
      else answer(path === '/v2/pod' ? 404 : this.state === 'ready' ? 200 : 503, '');
    });
    return {
      waitsForRoom: false,
      abort: (kind, detail) => {
        if (over) return;
        over = true;
        handlers.onLost(kind, detail);
      },
    };
  }

  #status(models: readonly string[], state: PodStatus['state']): PodStatus {
    return {
      uid: this.uid,
      state,
      inFlight: 0,
      queuedRows: this.queuedRows,
      models: models.map((name) =>
        this.changeModel(servedModel(name, { ready: state !== 'loading', maxRows: this.maxRows, warmup: this.warmup })),
      ),
      ...this.alsoReports,
    };
  }

  close(): Promise<void> {
    this.closed = true;
    for (const call of this.open) call.abort('reset', 'the connection was closed');
    return Promise.resolve();
  }
}
