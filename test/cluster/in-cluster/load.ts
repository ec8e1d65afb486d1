/**
 * An open-loop load, run from the image as a Job inside the cluster. Sends by the clock, whatever comes back, checks each answer
 * against its own question, and accounts for every request: sent = right + failed (by reason) + in flight.
 *
 * Self-contained: it is mounted as one file. Controlled over HTTP at port 9000: GET /report, /rate?perSecond=N, /stop; and /sent,
 * which tells when each request was sent, milliseconds since the epoch.
 */
import http from 'node:http';
import process from 'node:process';

const { TARGET = 'http://sluice', MODEL = 'simple', RATE = '20', TIMEOUT_MS = '30000' } = process.env;
const connections = process.env['CONNECTIONS'] ?? 'kept';
const timeoutMs = Number(TIMEOUT_MS);
/** A client that waits this much longer than the deadline that it asked for has been forgotten. */
const patienceMs = timeoutMs + 10_000;
/** Milliseconds in which a client may send a refused request again: a gateway is ending, or not yet reachable from everywhere. */
const refusedForMs = 5000;
/** More than this in flight is a client that can't keep up, or a server that answers nobody. */
const maxInFlight = 20_000;
const tickMs = 5;

let perSecond = Number(RATE);
let due = 0;
let lastMs = performance.now();
let stopped = false;
let sent = 0;
const sentAtMs: number[] = [];
let right = 0;
let inFlight = 0;
let refusedRetries = 0;
let slowestMs = 0;
const failed: Record<string, number> = {};
const examples: string[] = [];
const byPod: Record<string, number> = {};
/** Versions that answered: how often, when first, and when the last question was asked that got such an answer. */
const byVersion: Record<string, { answers: number; firstAnsweredMs: number; lastAskedMs: number }> = {};
/** Latencies of right answers: counts by the upper bound of a histogram bucket; bounds are 10% apart. */
const latencies = new Map<number, number>();

/** Right and failed requests, by the kind of connection on which they were asked. */
const byConnection = { kept: { right: 0, failed: 0 }, new: { right: 0, failed: 0 } };

/**
 * Clients that take turns, each with connections of its own. Connections are kept for as long as the server keeps them, as clients do
 * that know nothing of its end.
 */
const keeping = Array.from({ length: 8 }, () => new http.Agent({ keepAlive: true, scheduling: 'lifo' }));
const renewing = new http.Agent({ keepAlive: false });

/** Client whose turn it is. Where both kinds ask, each has every other request. */
function clientOf(index: number): { agent: http.Agent; kind: keyof typeof byConnection } {
  if (connections === 'new' || (connections === 'both' && index % 2 === 1)) return { agent: renewing, kind: 'new' };
  const turn = connections === 'both' ? index / 2 : index;
  return { agent: keeping[turn % keeping.length]!, kind: 'kept' };
}

function question(index: number): { body: string; sums: number[] } {
  const first = Array.from({ length: 16 }, (_, at) => index * 16 + at);
  const second = Array.from({ length: 16 }, (_, at) => (at * 7919 + index) % 1000);
  const input = (name: string, data: number[]) => ({ name, datatype: 'INT32', shape: [1, 16], data });
  return {
    body: JSON.stringify({ id: String(index), inputs: [input('INPUT0', first), input('INPUT1', second)] }),
    sums: first.map((value, at) => value + second[at]!),
  };
}

function fail(reason: string, detail: string): void {
  failed[reason] = (failed[reason] ?? 0) + 1;
  if (examples.length < 20) examples.push(`${new Date().toISOString()} ${reason}: ${detail}`);
}

/** Why the answer is not the one to this question; null if it is. */
function wrong(text: string, index: number, sums: readonly number[]): string | null {
  let answer: { id?: string; outputs?: { name?: string; data?: number[] }[] };
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    return 'no JSON';
  }
  if (answer.id !== String(index)) return `id ${answer.id ?? 'missing'} instead of ${index}`;
  const data = answer.outputs?.find(({ name }) => name === 'OUTPUT0')?.data;
  return sums.every((sum, at) => data?.[at] === sum) ? null : 'other sums';
}

function countVersion(version: string, askedMs: number): void {
  const seen = (byVersion[version] ??= { answers: 0, firstAnsweredMs: performance.now(), lastAskedMs: askedMs });
  seen.answers += 1;
  seen.lastAskedMs = Math.max(seen.lastAskedMs, askedMs);
}

function ask(index: number): void {
  const { body, sums } = question(index);
  const { agent, kind } = clientOf(index);
  const startedMs = performance.now();
  sent += 1;
  sentAtMs.push(Math.round(performance.timeOrigin + startedMs));
  inFlight += 1;
  let settled = false;
  const settle = (reason: string | null, detail = ''): void => {
    if (settled) return;
    settled = true;
    inFlight -= 1;
    byConnection[kind][reason === null ? 'right' : 'failed'] += 1;
    if (reason !== null) {
      fail(
        reason,
        `request ${index} on a ${kind} connection, after ${Math.round(performance.now() - startedMs)} ms: ${detail}`,
      );
      return;
    }
    right += 1;
    const tookMs = performance.now() - startedMs;
    slowestMs = Math.max(slowestMs, tookMs);
    const bound = Math.ceil(1.1 ** Math.ceil(Math.log(Math.max(1, tookMs)) / Math.log(1.1)));
    latencies.set(bound, (latencies.get(bound) ?? 0) + 1);
  };
  /** Nobody has read the request: the only failure that a client may try again without knowing what the request does. */
  const again = (): boolean => {
    if (performance.now() - startedMs >= refusedForMs) return false;
    refusedRetries += 1;
    setTimeout(attempt, 50);
    return true;
  };
  const attempt = (): void => {
    const request = http.request(
      `${TARGET}/v2/models/${MODEL}/infer`,
      {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'sluice-timeout-ms': String(timeoutMs) },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('aborted', () => settle('answer cut off'));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          // The end of an idle connection, which crossed the request.
          if (response.statusCode === 408 && request.reusedSocket && again()) return;
          const pod = response.headers['sluice-pod'];
          if (typeof pod === 'string') byPod[pod] = (byPod[pod] ?? 0) + 1;
          if (response.statusCode !== 200) settle(`status ${response.statusCode ?? 0}`, text.slice(0, 200));
          else {
            const why = wrong(text, index, sums);
            if (why === null) {
              countVersion((JSON.parse(text) as { model_version?: string }).model_version ?? 'none', startedMs);
              settle(null);
            } else settle('wrong answer', `${why}: ${text.slice(0, 200)}`);
          }
        });
      },
    );
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' && again()) return;
      settle(error.code ?? 'error', `${error.message}${request.reusedSocket ? ' on a connection in use' : ''}`);
    });
    setTimeout(() => {
      settle('no answer', `within ${patienceMs} ms`);
      request.destroy();
    }, patienceMs).unref();
    request.end(body);
  };
  attempt();
}

const ticks = setInterval(() => {
  const nowMs = performance.now();
  if (!stopped) due += ((nowMs - lastMs) / 1000) * perSecond;
  lastMs = nowMs;
  for (; due >= 1 && !stopped; due -= 1) {
    if (inFlight >= maxInFlight) fail('not sent', `${inFlight} are in flight`);
    else ask(sent);
  }
}, tickMs);

function quantileMs(share: number): number {
  let ahead = right * share;
  for (const [bound, count] of [...latencies].sort(([a], [b]) => a - b)) {
    ahead -= count;
    if (ahead <= 0) return bound;
  }
  return 0;
}

const control = http.createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://control');
  if (url.pathname === '/rate') perSecond = Number(url.searchParams.get('perSecond'));
  if (url.pathname === '/stop') stopped = true;
  if (url.pathname === '/sent') {
    response.end(JSON.stringify(sentAtMs));
    return;
  }
  const failures = Object.values(failed).reduce((sum, count) => sum + count, 0);
  response.end(
    JSON.stringify({
      perSecond,
      stopped,
      sent,
      right,
      failures,
      inFlight,
      refusedRetries,
      failed,
      examples,
      byConnection,
      byPod,
      byVersion,
      p50Ms: quantileMs(0.5),
      p99Ms: quantileMs(0.99),
      slowestMs: Math.round(slowestMs),
    }),
  );
});
control.listen(9000);
process.on('SIGTERM', () => {
  clearInterval(ticks);
  process.exit(0);
});
