/**
 * Gives the memory of a large buffer back at once. V8 frees it only when a collection finds the buffer dead, and large buffers bring
 * collections about late: hundreds of MiB of dead ones were measured in a process whose heap had 30 MiB.
 */

/** Below this size the memory of a buffer is not worth the call. */
const leastBytes = 16 * 1024;

/**
 * Empties a buffer that nobody uses any more, if it is all of its memory: a view of a larger one, or of Node's pool, stays as it is.
 * The caller must be sure that no write of it is under way.
 */
export function freeBuffer(bytes: Buffer): void {
  const { buffer, byteLength } = bytes;
  if (byteLength < leastBytes || byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  buffer.transfer(0);
}
