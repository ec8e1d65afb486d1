/**
 * Receiver of load reports: follows `/load/stream` of every gateway that the cluster shows, and keeps the last report of each.
 *
 * A broken stream is reopened after a pause that doubles, with jitter. An invalid line replaces the last report by null: the
 * gateway is alive, but nothing it says can be trusted. A line whose sequence does not grow is old and ignored.
 */
import { Check, Errors } from 'typebox/value';
import { LoadReport } from '../../contract/load-report.ts';
import type { GatewayMember } from '../../cluster/scalable.ts';
import type { Clock } from '../clock.ts';
import type { HttpClient } from '../http-client.ts';
import type { LastReport } from '../policy/merge.ts';
import type { reportResults } from '../metrics.ts';

const firstPauseMs = 100;
const longestPauseMs = 5_000;
/** Lines come once a second; one that follows sooner than this was sent out of turn, and is urgent. */
const unscheduledMs = 700;

export interface ReceiverEvents {
  onReport(result: (typeof reportResults)[number], detail: string | null, gateway: string): void;
  /** A queue began, or a gateway reported out of turn. */
  onUrgent(): void;
}

interface GatewayStream {
  readonly origin: string;
  name: string;
  lastReport: LastReport | null;
  pauseMs: number;
  stop: () => void;
}

export class ReportReceiver {
  readonly #http: HttpClient;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: ReceiverEvents;
  /** Streams by the gateway's UID. */
  readonly #streams = new Map<string, GatewayStream>();
  #closed = false;

  constructor(options: { http: HttpClient; clock: Clock; random: () => number; events: ReceiverEvents }) {
    this.#http = options.http;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#events = options.events;
  }

  /** Follows exactly these gateways from now on. */
  follow(members: readonly GatewayMember[]): void {
    const existing = new Map(members.map((member) => [member.uid, member]));
    for (const [uid, { origin, stop }] of this.#streams) {
      const member = existing.get(uid);
      // A missing address keeps the stream that works.
      if (member !== undefined && (member.adminOrigin ?? origin) === origin) continue;
      stop();
      this.#streams.delete(uid);
    }
    if (this.#closed) return;
    for (const { uid, name, adminOrigin } of members) {
      const known = this.#streams.get(uid);
      if (known !== undefined) known.name = name;
      if (known !== undefined || adminOrigin === null) continue;
      const stream: GatewayStream = {
        origin: adminOrigin,
        name,
        lastReport: null,
        pauseMs: firstPauseMs,
        stop: () => undefined,
      };
      this.#streams.set(uid, stream);
      this.#open(stream);
    }
  }

  /** Null until the gateway has sent a line. */
  lastReportOf(uid: string): LastReport | null {
    return this.#streams.get(uid)?.lastReport ?? null;
  }

  close(): void {
    this.#closed = true;
    for (const { stop } of this.#streams.values()) stop();
    this.#streams.clear();
  }

  #open(stream: GatewayStream): void {
    stream.stop = this.#http.lines(`${stream.origin}/load/stream`, {
      onLine: (line) => this.#receive(stream, line),
      onEnd: () => {
        // Jitter of up to half, so that many scalers don't reconnect to a gateway together.
        const pauseMs = stream.pauseMs * (0.5 + this.#random() / 2);
        stream.pauseMs = Math.min(longestPauseMs, 2 * stream.pauseMs);
        const timer = setTimeout(() => this.#open(stream), pauseMs);
        stream.stop = () => clearTimeout(timer);
      },
    });
  }

  #receive(stream: GatewayStream, line: string): void {
    const { lastReport } = stream;
    const atMs = this.#clock.wallMs();
    const report = parseReport(line);
    if (typeof report === 'string') {
      stream.lastReport = { atMs, report: null };
      this.#events.onReport('invalid', report, stream.name);
      return;
    }
    const before = lastReport?.report ?? null;
    if (before !== null && before.instance === report.instance && report.sequence <= before.sequence) {
      const detail = `sequence ${report.sequence} after ${before.sequence}`;
      this.#events.onReport('old', detail, stream.name);
      return;
    }
    stream.pauseMs = firstPauseMs;
    stream.lastReport = { atMs, report };
    this.#events.onReport('ok', null, stream.name);
    const early = lastReport !== null && atMs - lastReport.atMs < unscheduledMs;
    if (early || queueBegins(before, report)) this.#events.onUrgent();
  }
}

function queueBegins(before: LoadReport | null, now: LoadReport): boolean {
  return now.pools.some(
    ({ name, queued }) => queued > 0 && (before?.pools.find((pool) => pool.name === name)?.queued ?? 0) === 0,
  );
}

/** @returns the report, or why the line is none */
export function parseReport(line: string): LoadReport | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return `not JSON: ${line.slice(0, 80)}`;
  }
  if (!Check(LoadReport, value)) {
    const [error] = Errors(LoadReport, value);
    return `${error?.instancePath ?? ''}: ${error?.message ?? 'not a load report'}`;
  }
  const uneven = value.pools.findIndex(({ durations }) => durations.counts.length !== durations.boundsMs.length + 1);
  return uneven === -1 ? value : `/pools/${uneven}/durations/counts: must have one more than boundsMs`;
}
