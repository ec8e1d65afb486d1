/**
 * The arrows of the rooms, as functions of a file's path and text, so that a test can try them on files that don't exist.
 * Paths are relative to the root, with `/`.
 */
import path from 'node:path';

interface Import {
  readonly specifier: string;
  /** Path of the file that is meant; null for a package or a module of Node. */
  readonly file: string | null;
}

const importPatterns = [
  // What may stand between the keyword and its `from` is names: no quote, no semicolon.
  /^(?:import|export)\s[^'";]*?from\s*'([^']+)'/gm,
  /^import\s*'([^']+)'/gm,
  /\bimport\(\s*'([^']+)'/g,
  /\bimport\.meta\.resolve\(\s*'([^']+)'/g,
];

export function importsOf(file: string, text: string): Import[] {
  return importPatterns
    .flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]!))
    .map((specifier) => ({
      specifier,
      file: specifier.startsWith('.') ? path.posix.join(path.posix.dirname(file), specifier) : null,
    }));
}

export function isTest(file: string): boolean {
  return /\.(test|fixture|bench)\.ts$/.test(file) || /(^test|\/testing|\/fixtures)\//.test(file);
}

type Allowed = readonly RegExp[];

/** Of the files outside it, those that a room may import. */
const rooms: Readonly<Record<string, Allowed>> = {
  contract: [],
  runtime: [/^contract\//],
  cluster: [
    /^(contract|runtime)\//,
    // A pod is started by the settings of its process: the local cluster writes what the model server reads.
    /^models\/settings\.ts$/,
  ],
  gateway: [/^(contract|runtime)\//, /^cluster\/port\.ts$/],
  models: [/^(contract|runtime)\//],
  scaler: [/^(contract|runtime)\//, /^cluster\/(port|scalable)\.ts$/],
  // These two put the system together.
  deploy: [/^(contract|runtime|cluster|gateway|models|scaler)\//],
  // `sluice simulate` is a simulation on a person's own traffic, `sluice bench` load on a person's own server.
  cli: [/^(contract|runtime|cluster|gateway|models|scaler|deploy)\//, /^bench\/(simulate|load-test)\//],
  bench: [/^(contract|runtime|cluster|gateway|models|scaler|deploy)\//],
  test: [/./],
};

/** Each heavy dependency has few importers, so that it can be replaced, and is loaded only where it is used. */
const fences: Readonly<Record<string, Allowed>> = {
  undici: [/^gateway\/endpoints\/upstream\.ts$/, /^scaler\/http\.ts$/, /^bench\/load-test\/open-loop\.ts$/],
  'onnxruntime-node': [/^models\/session\/session-worker\.ts$/, /^bench\/lab\/rig\/onnx-runtime-process\.ts$/],
  'prom-client': [/^gateway\/telemetry\/metrics\.ts$/, /^(models|scaler)\/metrics\.ts$/],
  '@opentelemetry/api': [/^(runtime|gateway\/telemetry|models)\/tracing\.ts$/],
  '@kubernetes/client-node': [/^cluster\/kubernetes\//],
  fastify: [/^runtime\/http\//, /^(gateway|models|scaler)\/(app\.ts|routes\/)/, /^bench\/lab\/rig\/echo\.ts$/],
  commander: [
    /^cli\//,
    /^runtime\/process\//,
    // Scripts that people run.
    /^bench\/lab\/(.+\/main|scaling\/validate)\.ts$/,
    /^(models\/author|deploy\/monitoring)\/main\.ts$/,
  ],
  autocannon: [/^bench\//],
};

/** Who may know the process: its environment, its signals, its end. */
const ofTheProcess: Allowed = [
  // A process each.
  /^(gateway|models|scaler)\/main\.ts$/,
  /^cli\//,
  /^runtime\/process\//,
  /^deploy\//,
  // Scripts that people run, and the processes that they start.
  /^bench\//,
  /^models\/author\/main\.ts$/,
];
const processUse = /\bprocess\.(env|exit|exitCode|on|once|kill|abort)\b/g;

const matches = (file: string, allowed: Allowed): boolean => allowed.some((pattern) => pattern.test(file));

function packageOf(specifier: string): string | null {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return null;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** What is wrong with one file, each as `path: what`. */
export function violations(file: string, text: string): string[] {
  const found: string[] = [];
  const say = (what: string): unknown => found.push(`${file}: ${what}`);
  const room = file.split('/', 1)[0]!;
  const outside = rooms[room];
  const name = path.posix.basename(file);
  const policy = /(^|\/)policy\//.test(file);

  if (outside === undefined) say(`'${room}' is no room`);
  if (/^utils?\b/.test(name)) say('a name that says nothing');
  if (name === 'index.ts') say('a barrel');

  for (const { specifier, file: target } of importsOf(file, text)) {
    if (target !== null && !/\.(ts|json)$/.test(target)) say(`'${specifier}' is not named by its file`);
    if (isTest(file)) continue;
    if (target !== null) {
      const within = target.startsWith(`${room}/`) || target === 'package.json';
      if (!within && !matches(target, outside ?? [])) say(`${room}/ does not import ${target}`);
      if (isTest(target)) say(`imports what is for tests, ${target}`);
      if (/\/main\.ts$/.test(target) && room !== 'cli') say(`a process is started, not imported: ${target}`);
      const beside = path.posix.dirname(target) === path.posix.dirname(file);
      if (policy && !beside && !target.startsWith('contract/'))
        say(`policy/ imports ./ and contract/ only: ${specifier}`);
      continue;
    }
    if (policy) say(`policy/ imports ./ and contract/ only: ${specifier}`);
    if (room === 'contract' && packageOf(specifier) !== 'typebox') say(`contract/ imports typebox only: ${specifier}`);
    const fence = fences[packageOf(specifier) ?? ''];
    if (fence !== undefined && !matches(file, fence)) say(`'${specifier}' is imported elsewhere only`);
  }

  if (!isTest(file) && !matches(file, ofTheProcess)) {
    for (const [use] of withoutComments(text).matchAll(processUse)) say(`${use} belongs to main.ts`);
  }
  return found;
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

/**
 * Where code that is run after an install without development dependencies would miss one. Tests, benchmarks and the
 * author of the models are run in a checkout; what product code takes from the author counts as product.
 */
export function developmentReached(files: ReadonlyMap<string, string>, devDependencies: readonly string[]): string[] {
  const product = (file: string): boolean => !isTest(file) && !/^(bench|models\/author)\//.test(file);
  const reached = new Set<string>();
  const ahead = [...files.keys()].filter(product);
  const found: string[] = [];
  for (let file = ahead.pop(); file !== undefined; file = ahead.pop()) {
    const text = files.get(file);
    if (text === undefined || reached.has(file)) continue;
    reached.add(file);
    for (const { specifier, file: target } of importsOf(file, text)) {
      if (target !== null) ahead.push(target);
      else if (devDependencies.includes(packageOf(specifier) ?? '')) found.push(`${file}: needs '${specifier}' to run`);
    }
  }
  return found;
}
