/** What V8's garbage collector is told before a server starts: gateways and pods are no usual programs. */
import { setFlagsFromString } from 'node:v8';

/** Called first in the process. A V8 that does not know a flag says so on stderr, and goes on without. */
export function tuneCollector(): void {
  // V8 allocates in the old generation what its samples show to live long. Requests that wait for a batch look like that, and
  // one that is dead there keeps all that it points to (message, response, body) alive until the next full collection: of what a
  // gateway under load allocated a third was copied by each collection of the young generation.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // Bodies lie outside of the heap, and by default 32 MB of them start a full collection, however large the rest is: one for each
  // 25 requests of 64 rows. So they count as part of the whole, whose growth decides.
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}
