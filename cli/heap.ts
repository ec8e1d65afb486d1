/** What V8's garbage collector is told before a server starts: gateways and pods are no usual programs. */
import { setFlagsFromString } from 'node:v8';

/**
 * Of Node, for whoever starts a gateway or a pod: V8 reads these before a line of ours runs.
 *
 * The young generation has two halves. By default each grows over hundreds of thousands of requests to 64 MB where memory is
 * plenty, and to less in a container with a limit; bodies of answered requests, which lie outside of the heap, are kept until
 * it is collected. So a gateway had 204 MiB after 10⁵ requests and 347 after 10⁶; with 16 MB it had 157 and 178. Collections
 * are three times as many, and copy what waits for a batch each time: 1% of a gateway's CPU time at 64 connections.
 */
export const serverFlags = ['--max-semi-space-size=16'] as const;

/** Called first in the process. A V8 that does not know a flag says so on stderr, and goes on without. */
export function tuneCollector(): void {
  // V8 allocates in the old generation what its samples show to live long. Requests that wait for a batch look like that, and
  // one that is dead there keeps all that it points to (message, response, body) alive until the next full collection: of what a
  // gateway under load allocated a third was copied by each collection of the young generation.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // Bodies lie outside of the heap, and by default 32 MB of them start a full collection, however large the rest is: one for each
  // 25 requests of 64 rows. So they count as part of the whole, whose growth decides.
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  // Little outlives a collection of a small young generation: to wake other threads for it costs more than they copy. Alone, it
  // takes 0.9 ms instead of 1.4 at 64 connections, and the threads a third less CPU time at 256.
  setFlagsFromString('--no-parallel-scavenge');
}

/**
 * Of a gateway alone. What little its requests leave in the old generation is collected when that has grown by a fifth, not by
 * some half: 170 MiB after 10⁵ requests, 175 after 8 · 10⁵, instead of 157 and 178. A pod's heap is small beside its bodies: it
 * would collect for each few of them, and take a quarter more CPU time.
 */
export function keepHeapTight(): void {
  setFlagsFromString('--heap-growing-percent=20');
}
