/** A monotonic clock that all threads of the process share; `performance.now` starts at 0 in each thread. */
const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds since a moment that is the same for every thread. */
export function nowMs(): number {
  return originMs + performance.now();
}
