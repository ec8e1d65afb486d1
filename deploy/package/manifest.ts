/** package.json of the published package, made from that of the checkout. Pure. */
import type { Platform } from './carried.ts';

/** Fields of the checkout's package.json that the package repeats, or is made of. */
export interface SourceManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly repository?: unknown;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** Oldest Node that runs the package; undici needs it, and cli/sluice.js says so to older ones. */
export const engines = { node: '>=22.19.0' } as const;

/** Optional dependencies of the checkout that are a part of the product: the load generator of `sluice bench`. */
const productOptional = ['autocannon', 'hdr-histogram-js'];

export function carriedNames({ dependencies, optionalDependencies }: SourceManifest): Record<string, string> {
  const optional = Object.entries(optionalDependencies).filter(([name]) => productOptional.includes(name));
  return { ...dependencies, ...Object.fromEntries(optional) };
}

export function packageManifest(source: SourceManifest, chosen: readonly Platform[]): Record<string, unknown> {
  const { name, version, description, license, repository } = source;
  const dependencies = carriedNames(source);
  const own = chosen.map((platform) => platform.split('/') as [string, string]);
  return {
    name,
    version,
    description,
    keywords: ['onnx', 'inference', 'gateway', 'batching', 'model-serving', 'open-inference-protocol', 'autoscaling'],
    license,
    ...(repository === undefined ? {} : { repository }),
    type: 'module',
    bin: { [name]: 'cli/sluice.js' },
    exports: {
      './transform': { types: './models/transforms/transform.d.ts', default: './models/transforms/transform.js' },
      './package.json': './package.json',
    },
    engines,
    os: [...new Set(own.map(([platform]) => platform))],
    cpu: [...new Set(own.map(([, architecture]) => architecture))],
    files: [
      'bench',
      'cli',
      'cluster',
      'contract',
      'deploy',
      'docs',
      'gateway',
      'models',
      'runtime',
      'scaler',
      'CHANGELOG.md',
    ],
    dependencies,
    bundleDependencies: Object.keys(dependencies),
  };
}
