/**
 * Stand-in for a scaler's admin port: the real page routes, and the API of contract/scaler-api.ts with values that a test
 * writes, for states that a real system does not reach on demand: hostile names, 10,000 pods, another leader.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { ModelReport } from '../../../contract/model-report.ts';
import type { DecisionRecord, PodReport, PoolReport, PoolsReport } from '../../../contract/scaler-api.ts';
import type { TimelineEvent } from '../../../contract/timeline-event.ts';
import { problemErrors } from '../../../runtime/http/errors.ts';
import { route } from '../../../runtime/http/routes.ts';
import { newServer } from '../../../runtime/http/server.ts';
import { pageRoutes } from '../../routes/page.ts';
import { ReportHistory } from '../history.ts';
import { Timeline } from '../timeline.ts';

export class FakeScaler {
  readonly history = new ReportHistory();
  readonly timeline = new Timeline(Date.now());
  decisions: DecisionRecord[] = [];
  /** Makes /api/stream answer 503 instead of events. */
  refuseStreams = false;
  /** Ends the repetitions of the last report each second, without which a page says after 5 s that no report arrives. */
  silent = false;
  report: PoolsReport = {
    atMs: Date.now(),
    leading: true,
    leader: 'scaler-a',
    gateways: [gateway('gateway-a')],
    pools: [],
  };
  readonly #app: FastifyInstance = newServer({
    log: { error: () => undefined },
    errorForm: problemErrors,
    closes: 'all',
  });
  readonly #streams = new Set<ServerResponse>();
  #repeating: NodeJS.Timeout | undefined;

  /** @param gatewayUrl gateway to which the form's requests are forwarded */
  async start(gatewayUrl: string | null = null, port = 0): Promise<string> {
    pageRoutes(this.#app, { history: this.history, gatewayUrl });
    route(this.#app, '/api/pools', { right: 'observe', GET: (_request, reply) => reply.send(this.report) });
    route(this.#app, '/api/pools/:pool/decisions', {
      right: 'observe',
      GET: (request, reply) => {
        const { pool } = request.params as { pool: string };
        return reply.send(this.decisions.filter((record) => record.pool === pool));
      },
    });
    route(this.#app, '/api/events', { right: 'observe', GET: (_request, reply) => reply.send(this.timeline.events) });
    this.timeline.subscribe((event) => {
      for (const stream of this.#streams) writeEvent(stream, 'event', event);
    });
    route(this.#app, '/api/stream', {
      right: 'observe',
      GET: (_request, reply) => {
        if (this.refuseStreams) return reply.code(503).send({ error: 'ending' });
        reply.hijack();
        reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
        this.#streams.add(reply.raw);
        reply.raw.on('close', () => this.#streams.delete(reply.raw));
        return writeEvent(reply.raw, 'pools', this.report);
      },
    });
    this.#repeating = setInterval(() => {
      if (!this.silent) this.#send(this.report);
    }, 1_000);
    return this.#app.listen({ host: '127.0.0.1', port });
  }

  get listeners(): number {
    return this.#streams.size;
  }

  /** Changes the report, with the current time unless `change` has one, and sends it to every open stream. */
  tell(change: Partial<PoolsReport> = {}): void {
    this.report = { ...this.report, atMs: Date.now(), ...change };
    this.history.add(this.report);
    this.timeline.add(this.report, new Set());
    this.#send(this.report);
  }

  #send(report: PoolsReport): void {
    for (const stream of this.#streams) writeEvent(stream, 'pools', report);
  }

  decide(record: DecisionRecord): void {
    const { decisions } = this;
    const known = decisions.findIndex(({ pool, atMs }) => pool === record.pool && atMs === record.atMs);
    this.decisions = known === -1 ? [record, ...decisions] : decisions.with(known, record);
    for (const stream of this.#streams) writeEvent(stream, 'decision', record);
  }

  /** Breaks every open stream. */
  cut(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  async close(): Promise<void> {
    clearInterval(this.#repeating);
    this.cut();
    await this.#app.close();
  }
}

function writeEvent(stream: ServerResponse, event: string, data: PoolsReport | DecisionRecord | TimelineEvent): void {
  stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function gateway(name: string): PoolsReport['gateways'][number] {
  return { name, reporting: true, ageMs: 200, terminating: false };
}

/** Report of an idle pool with one serving pod, except for the given fields. */
export function poolReport(name: string, given: Partial<PoolReport> = {}): PoolReport {
  const pods = given.pods ?? [podReport(`${name}-a1b2`)];
  const ready = pods.filter((pod) => pod.state === 'serving').length;
  return {
    name,
    models: [name],
    modelReports: (given.models ?? [name]).map((model) => modelReport(model)),
    unbatched: {},
    unserved: {},
    mode: 'Active',
    minReplicas: 0,
    maxReplicas: 20,
    replicas: pods.length,
    readyReplicas: ready,
    desiredReplicas: pods.length,
    drainingReplicas: pods.filter((pod) => pod.state === 'draining').length,
    arrivalsPerS: 0,
    forecastPerS: 0,
    answers: { okPerS: 0, clientErrorsPerS: 0, shedPerS: 0, timeoutsPerS: 0, failedPerS: 0 },
    queued: 0,
    oldestMs: 0,
    inFlight: pods.reduce((sum, pod) => sum + pod.inFlight, 0),
    predictedWaitMs: 1,
    objectiveMs: 100,
    p50Ms: 4,
    p99Ms: 12,
    coldStartMs: 2_400,
    why: '',
    conditions: [],
    ...given,
    pods,
  };
}

export function podReport(name: string, given: Partial<PodReport> = {}): PodReport {
  return { uid: `uid-${name}`, name, state: 'serving', inFlight: 0, reason: null, ...given };
}

export function modelReport(name: string, given: Partial<ModelReport> = {}): ModelReport {
  return {
    name,
    version: '1',
    hash: null,
    versionRemark: null,
    maxRows: 64,
    unbatchedReason: null,
    unservedReason: null,
    arrivalsPerS: 0,
    rowsPerS: 0,
    answers: null,
    p99Ms: null,
    cost: { aMs: 1.5, cMs: 0.2 },
    ...given,
  };
}

export function decisionRecord(pool: string, given: Partial<DecisionRecord> = {}): DecisionRecord {
  const atMs = given.atMs ?? Date.now();
  return {
    pool,
    atMs,
    untilMs: atMs,
    times: 1,
    kind: 'scale',
    from: 1,
    to: 2,
    reason: 'backlog',
    inputs: { replicas: 1, queued: 12 },
    arithmetic: ['demand 42/s + headroom 6/s = 48/s', 'a pod does 30/s, so ⌈48 / 30⌉ = 2'],
    outcome: 'written',
    ...given,
  };
}
