/** Slows a gateway down, for `NODE_OPTIONS=--import …`: each request costs its process, and no other, a millisecond more. */
import { Server } from 'node:http';

const extraMs = 1;

if (process.argv.includes('gateway')) {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its server below
  const emit = Server.prototype.emit as (this: Server, event: string, ...args: unknown[]) => boolean;
  Server.prototype.emit = function slowEmit(this: Server, event: string, ...args: unknown[]): boolean {
    if (event === 'request') {
      const endMs = performance.now() + extraMs;
      while (performance.now() < endMs);
    }
    return emit.call(this, event, ...args);
  } as typeof Server.prototype.emit;
}
