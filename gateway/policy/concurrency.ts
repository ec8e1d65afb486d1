/**
 * Limit of plain requests that a foreign server, which takes no envelopes, may hold at once. Such a server batches by itself,
 * and two requests would starve its batcher; so the limit grows while it is used up and answers don't get slower, and shrinks
 * when they do.
 *
 * Additive increase, multiplicative decrease on the ratio of latency to the least latency seen (TCP Vegas, Brakmo 1994).
 */
export interface Concurrency {
  readonly limit: number;
  readonly leastMs: number;
}

export const firstConcurrency: Concurrency = { limit: 8, leastMs: Infinity };

const leastConcurrent = 2;
const mostConcurrent = 1024;
/** Ratio of latency to the least latency. A batcher's own waiting doubles or triples it; beyond 4 only queues grow. */
const toleratedRatio = 4;

export function learnConcurrency(state: Concurrency, latencyMs: number, inFlight: number): Concurrency {
  // The least latency is forgotten slowly, and only under little load of this gateway: a server that became slower for good
  // is believed once the limit is at its floor, and a queue of our making never passes for the server's own time.
  const unloaded = inFlight <= leastConcurrent;
  const leastMs = Math.min(latencyMs, unloaded ? state.leastMs * 1.05 : state.leastMs);
  const usedUp = inFlight >= state.limit - 1;
  if (latencyMs > toleratedRatio * leastMs) return { limit: Math.max(leastConcurrent, state.limit * 0.98), leastMs };
  return { limit: usedUp ? Math.min(mostConcurrent, state.limit + 1 / state.limit) : state.limit, leastMs };
}
