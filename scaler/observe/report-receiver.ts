/**
 * Follows `/load/stream` of every gateway that the cluster shows, and keeps the last thing that each of them said.
 *
 * A stream that breaks is opened again after a pause that doubles, with jitter. Of a line that is no report only the time
 * counts: the gateway speaks, and nothing that it says may be believed. A sequence that does not grow is an old line.
 */
import { Check, Errors } from 'typebox/value';
import { LoadReport } from '../../contract/load-report.ts';
import type { GatewayMember } from '../../cluster/scalable.ts';
import type { Clock } from '../clock.ts';
import type { Http } from '../http.ts';
import type { News } from '../policy/merge.ts';
import type { reportResults } from '../metrics.ts';

const firstPauseMs = 100;
const longestPauseMs = 5_000;
/** Lines come each second; one that comes well before is urgent. */
const unscheduledMs = 700;

export interface FollowerEvents {
  onReport(result: (typeof reportResults)[number], detail: string | null, gateway: string): void;
  /** Requests wait where none did, or a gateway has spoken out of turn. */
  onUrgent(): void;
}

interface Followed {
  readonly origin: string;
  name: string;
  news: News | null;
  pauseMs: number;
  stop: () => void;
}

export class Follower {
  readonly #http: Http;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: FollowerEvents;
  readonly #followed = new Map<string, Followed>();
  #closed = false;

  constructor(options: { http: Http; clock: Clock; random: () => number; events: FollowerEvents }) {
    this.#http = options.http;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#events = options.events;
  }

  /** The gateways that exist now, and no others, are followed from here on. */
  follow(members: readonly GatewayMember[]): void {
    const there = new Map(members.map((member) => [member.uid, member]));
    for (const [uid, { origin, stop }] of this.#followed) {
      const member = there.get(uid);
      // An address that is unknown for a moment is no reason to let go of the one that works.
      if (member !== undefined && (member.adminOrigin ?? origin) === origin) continue;
      stop();
      this.#followed.delete(uid);
    }
    if (this.#closed) return;
    for (const { uid, name, adminOrigin } of members) {
      const known = this.#followed.get(uid);
      if (known !== undefined) known.name = name;
      if (known !== undefined || adminOrigin === null) continue;
      const followed: Followed = {
        origin: adminOrigin,
        name,
        news: null,
        pauseMs: firstPauseMs,
        stop: () => undefined,
      };
      this.#followed.set(uid, followed);
      this.#open(followed);
    }
  }

  /** Null: it has never said anything. */
  newsOf(uid: string): News | null {
    return this.#followed.get(uid)?.news ?? null;
  }

  close(): void {
    this.#closed = true;
    for (const { stop } of this.#followed.values()) stop();
    this.#followed.clear();
  }

  #open(followed: Followed): void {
    followed.stop = this.#http.lines(`${followed.origin}/load/stream`, {
      onLine: (line) => this.#hear(followed, line),
      onEnd: () => {
        // Half of it is chance, so that many scalers and gateways don't meet each time.
        const pauseMs = followed.pauseMs * (0.5 + this.#random() / 2);
        followed.pauseMs = Math.min(longestPauseMs, 2 * followed.pauseMs);
        const timer = setTimeout(() => this.#open(followed), pauseMs);
        followed.stop = () => clearTimeout(timer);
      },
    });
  }

  #hear(followed: Followed, line: string): void {
    const { news } = followed;
    const atMs = this.#clock.wallMs();
    const said = parseReport(line);
    if (typeof said === 'string') {
      followed.news = { atMs, report: null };
      this.#events.onReport('invalid', said, followed.name);
      return;
    }
    const last = news?.report ?? null;
    if (last !== null && last.instance === said.instance && said.sequence <= last.sequence) {
      const detail = `sequence ${said.sequence} after ${last.sequence}`;
      this.#events.onReport('old', detail, followed.name);
      return;
    }
    followed.pauseMs = firstPauseMs;
    followed.news = { atMs, report: said };
    this.#events.onReport('ok', null, followed.name);
    const early = news !== null && atMs - news.atMs < unscheduledMs;
    if (early || queueBegins(last, said)) this.#events.onUrgent();
  }
}

function queueBegins(before: LoadReport | null, now: LoadReport): boolean {
  return now.pools.some(
    ({ name, queued }) => queued > 0 && (before?.pools.find((pool) => pool.name === name)?.queued ?? 0) === 0,
  );
}

/** What is wrong with it, if it is no report. */
export function parseReport(line: string): LoadReport | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return `not JSON: ${line.slice(0, 80)}`;
  }
  if (!Check(LoadReport, value)) {
    const [error] = Errors(LoadReport, value);
    return `${error?.instancePath ?? ''}: ${error?.message ?? 'no load report'}`;
  }
  const torn = value.pools.findIndex(({ durations }) => durations.counts.length !== durations.boundsMs.length + 1);
  return torn === -1 ? value : `/pools/${torn}/durations/counts: must have one more than boundsMs`;
}
