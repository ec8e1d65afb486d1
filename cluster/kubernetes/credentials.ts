/**
 * Credentials of a kubeconfig or of a pod, by the client library (certificates, tokens and their rotation, exec plugins, proxies). Nothing
 * else of the library is used, and its API classes, 1,500 modules, would take 50 MiB of each gateway and scaler: they are left out.
 */
import { registerHooks } from 'node:module';
import type { KubeConfig as LibraryConfig } from '@kubernetes/client-node';

/** Stands for the entry of the API classes: `KubeConfig` names two of its exports, in a method that nobody here calls. */
const withoutApiClasses = `data:text/javascript,${encodeURIComponent(`
  export class ServerConfiguration {
    constructor() { throw new Error('the API classes of @kubernetes/client-node are not loaded: cluster/kubernetes/credentials.ts'); }
  }
  export const createConfiguration = () => new ServerConfiguration();
`)}`;

const hooks = registerHooks({
  resolve: (specifier, context, next) =>
    specifier === './gen/index.js' && context.parentURL?.endsWith('/@kubernetes/client-node/dist/config.js') === true
      ? { url: withoutApiClasses, format: 'module', shortCircuit: true }
      : next(specifier, context),
});
const library = await import('@kubernetes/client-node/dist/config.js');
hooks.deregister();

/** Reads `KUBECONFIG`, `~/.kube/config`, or what a pod is given. @throws Error for unusable credentials */
export function defaultCredentials(): LibraryConfig {
  const config = new library.KubeConfig();
  config.loadFromDefault();
  return config;
}
