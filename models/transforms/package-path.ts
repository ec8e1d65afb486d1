/** Makes the package path `sluice/transform` work in a model folder anywhere, in the process that calls this. */
import { registerHooks } from 'node:module';

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** Module that the path stands for. */
export const transformModule = new URL(`./transform.${extension}`, import.meta.url).href;

let done = false;

export function resolvePackagePath(): void {
  if (done) return;
  done = true;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'sluice/transform' ? { url: transformModule, shortCircuit: true } : next(specifier, context),
  });
}
