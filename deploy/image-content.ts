/**
 * Parts of the build that the image of production leaves out: those that only benchmarks load, or that need to write. Packages that only this needs are optional dependencies, which the image is installed without. Data, read by the build and by tests.
 */

/** Folders of dist/, each with its reason. */
export const leftOut: Readonly<Record<string, string>> = {
  'bench/load-test': 'a load generator is a weapon in a cluster',
  'models/zoo/wide': 'the benchmark model is generated on first use, which a read-only file system does not allow',
};

/** Packages that nothing but what is left out imports. */
export const leftOutPackages: readonly string[] = ['autocannon', 'hdr-histogram-js'];
