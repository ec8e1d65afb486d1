/** A monotonic clock that all threads of the process share; `performance.now` starts anew in each. */
const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds from a point that is the same in every thread. */
export function nowMs(): number {
  return originMs + performance.now();
}
