/**
 * Which npm packages the published package carries, read from the lock file, and what of each: pure. The package brings its dependencies along
 * (docs/adr/0012), so that installing it asks no registry, runs no script and gets what was tested.
 */

/** An entry of `packages` in package-lock.json. */
export interface LockedPackage {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}
export type Lock = Readonly<Record<string, LockedPackage>>;

export interface Carried {
  /** Its folder below the root, such as `node_modules/a/node_modules/b`. */
  readonly place: string;
  readonly name: string;
  /** Dependencies that it really needs, all of which are carried too. */
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Whether code that Node runs loads the dependency of a package. */
function isLoaded(name: string, needed: string): boolean {
  // Used by its install script, which would fetch CUDA libraries.
  if (name === 'onnxruntime-node' && /^(adm-zip|global-agent)$/.test(needed)) return false;
  // Types, and modules of another runtime, Bare, in place of Node's own.
  return !/^(@types\/|bare-)/.test(needed);
}

/**
 * Packages that `names` need, by the rules by which Node resolves names. Optional dependencies of dependencies stay out.
 * @throws Error where the lock file lacks one
 */
export function carriedPackages(lock: Lock, names: readonly string[]): Carried[] {
  const carried = new Map<string, Carried>();
  const ahead = names.map((name) => placeOf(lock, '', name));
  for (let place = ahead.pop(); place !== undefined; place = ahead.pop()) {
    if (carried.has(place)) continue;
    const name = nameOf(place);
    const dependencies = Object.fromEntries(
      Object.entries(lock[place]!.dependencies ?? {}).filter(([needed]) => isLoaded(name, needed)),
    );
    carried.set(place, { place, name, dependencies });
    ahead.push(...Object.keys(dependencies).map((needed) => placeOf(lock, place, needed)));
  }
  return [...carried.values()].toSorted((one, other) => one.place.localeCompare(other.place));
}

/** Place of the package `name` for code in the folder `from`: its own node_modules, else those of the folders above. */
function placeOf(lock: Lock, from: string, name: string): string {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (lock[place] !== undefined) return place;
    if (folder === '') throw new Error(`package-lock.json has no '${name}', which ${from || 'the package'} needs`);
  }
}

function nameOf(place: string): string {
  return place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** Builds of ONNX Runtime's CPU libraries for Node that run Sluice: platform and architecture as Node names them. */
export const platforms = ['linux/x64', 'linux/arm64', 'darwin/arm64'] as const;
export type Platform = (typeof platforms)[number];

/** Whether a file of a carried package is needed to run. @param file its path within the package */
export function isNeeded(name: string, file: string, chosen: readonly Platform[]): boolean {
  if (/(^|\/)(licen[cs]e|copying|notice|third-?party)[^/]*$/i.test(file)) return true;
  if (/\.(map|md|markdown|tsx?|mts|cts|flow|tgz|yml|yaml)$/i.test(file) || /(^|\/)\.[^/]+(\/|$)/.test(file))
    return false;
  if (/^(test|tests|__tests__|benchmarks?|examples?|docs?|coverage)\//.test(file)) return false;
  if (name !== 'onnxruntime-node') return true;
  const [, platform] = /^bin\/napi-v\d+\/([^/]+\/[^/]+)\//.exec(file) ?? [];
  if (platform !== undefined) {
    // npm packs no symbolic links, so macOS has the same library under a second name, which nothing asks for.
    return chosen.some((one) => one === platform) && !/\.\d+\.\d+\.\d+\.dylib$/.test(file);
  }
  return !/^(script|lib)\//.test(file);
}

/** package.json of a carried package: without scripts, and with the dependencies that are carried. */
export function carriedManifest(
  manifest: Readonly<Record<string, unknown>>,
  { dependencies }: Carried,
): Record<string, unknown> {
  const left = [
    'scripts',
    'bin',
    'dependencies',
    'devDependencies',
    'optionalDependencies',
    'peerDependencies',
    'peerDependenciesMeta',
    'types',
    'typings',
  ];
  const kept = Object.fromEntries(Object.entries(manifest).filter(([field]) => !left.includes(field)));
  return Object.keys(dependencies).length === 0 ? kept : { ...kept, dependencies };
}
