/** How unit tests are run: many files in one process, as a process each would spend most of its time on starting. */

/** Node's permission model: whatever starts a process or a thread fails with ERR_ACCESS_DENIED. */
export const unitFlags: readonly string[] = [
  '--permission',
  '--allow-fs-read=*',
  '--allow-fs-write=*',
  // ONNX Runtime, which some tests of models/ load.
  '--allow-addons',
  '--disable-warning=PERM0001',
];

/** The file to run with the test files as its arguments. */
export const unitEntry = new URL('unit-files.ts', import.meta.url);
