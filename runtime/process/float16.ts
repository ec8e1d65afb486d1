/**
 * Global Float16Array, Math.f16round and the two methods of DataView on Node 22, whose V8 has them behind a flag; imported first by each entry
 * point of a process, for its effect. A later Node has them, and is left alone.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

if (!('Float16Array' in globalThis)) {
  // The flag holds for contexts that are made from now on, as those of all worker threads are; this one borrows from a new one.
  setFlagsFromString('--js-float16array');
  const { array, round, get, set } = runInNewContext(
    '({ array: Float16Array, round: Math.f16round, get: DataView.prototype.getFloat16, set: DataView.prototype.setFloat16 })',
  ) as Record<'array' | 'round' | 'get' | 'set', unknown>;
  define(globalThis, 'Float16Array', array);
  define(Math, 'f16round', round);
  define(DataView.prototype, 'getFloat16', get);
  define(DataView.prototype, 'setFloat16', set);
}

/** Defines a property as built-in ones are: writable, and not listed. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}
