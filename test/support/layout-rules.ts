/**
 * Layout rules of the code: rooms and their imports, import cycles, packages with few importers, names of files, openings of
 * comments. Functions of paths and texts, so that tests can try them on files that do not exist. Paths are relative to the
 * repository, with `/`.
 */
import path from 'node:path';

interface Import {
  readonly specifier: string;
  /** Path of the imported file; null for a package or a Node module. */
  readonly file: string | null;
}

const importPatterns = [
  // Only names may stand between the keyword and `from`: no quote, no semicolon.
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

interface Room {
  /** Contents of the room, for the table in docs/architecture.md. */
  readonly holds: string;
  /** Files of other rooms that may be imported: folders, which end with `/`, and single files. */
  readonly mayImport: readonly string[];
}

const processes = ['cluster/', 'gateway/', 'models/', 'scaler/'];

/** Top-level folders, from the ground up: imports never lead to a room further down this list. */
export const rooms: Readonly<Record<string, Room>> = {
  contract: {
    holds: 'what crosses a process boundary: envelope, load reports, ModelPool, errors, settings',
    mayImport: [],
  },
  runtime: {
    holds:
      'what every process shares: HTTP server, tracing, seeded random numbers, files replaced whole, flags and exit codes',
    mayImport: ['contract/'],
  },
  models: {
    holds:
      'the model server: repository, protocols, scheduler, ONNX Runtime sessions; the bundled models and their author',
    mayImport: ['contract/', 'runtime/'],
  },
  cluster: {
    holds: 'pools and pods, and what runs them: local processes, Kubernetes or a list of addresses',
    // The local cluster starts model servers and writes their settings.
    mayImport: ['contract/', 'runtime/', 'models/settings.ts'],
  },
  gateway: {
    holds: 'routes, queue, batching policies, dispatch, connections to pods',
    mayImport: ['contract/', 'runtime/', 'cluster/port.ts'],
  },
  scaler: {
    holds: 'load of the gateways, sizing policies, drains and replacements, the API and the live page',
    mayImport: ['contract/', 'runtime/', 'cluster/port.ts', 'cluster/scalable.ts'],
  },
  deploy: {
    holds: 'the system as a whole: `sluice up`, the image, manifests for Kubernetes, monitoring',
    mayImport: ['contract/', 'runtime/', ...processes],
  },
  bench: {
    holds:
      'load tests (`sluice bench`), simulation (`sluice simulate`), and the laboratory that makes the published numbers',
    mayImport: ['contract/', 'runtime/', ...processes, 'deploy/'],
  },
  cli: {
    holds: 'the commands of `sluice`',
    mayImport: ['contract/', 'runtime/', ...processes, 'deploy/', 'bench/simulate/', 'bench/load-test/'],
  },
  test: {
    holds: 'tests that cross rooms',
    mayImport: ['contract/', 'runtime/', ...processes, 'deploy/', 'bench/', 'cli/'],
  },
};

/** Markdown table of the rooms, for docs/architecture.md. */
export function roomsTable(): string {
  const rows = Object.entries(rooms).map(([room, { holds, mayImport }]) => {
    const imports = mayImport.length === 0 ? 'nothing' : mayImport.map((target) => `\`${target}\``).join(', ');
    return `| \`${room}/\` | ${holds} | ${imports} |`;
  });
  return ['| room | holds | may import |', '| --- | --- | --- |', ...rows].join('\n');
}

type Patterns = readonly RegExp[];

/** Importers of heavy packages: few, so that a package can be replaced and is loaded only where it is used. */
const fences: Readonly<Record<string, Patterns>> = {
  undici: [/^gateway\/endpoints\/upstream\.ts$/, /^scaler\/http-client\.ts$/, /^bench\/load-test\/open-loop\.ts$/],
  'onnxruntime-node': [/^models\/session\/session-worker\.ts$/, /^bench\/lab\/rig\/onnx-runtime-process\.ts$/],
  'prom-client': [/^gateway\/telemetry\/metrics\.ts$/, /^(models|scaler)\/metrics\.ts$/],
  '@opentelemetry/api': [/^(runtime|gateway\/telemetry|models)\/tracing\.ts$/],
  '@kubernetes/client-node': [/^cluster\/kubernetes\//],
  fastify: [/^runtime\/http\//, /^(gateway|models|scaler)\/(app\.ts|routes\/)/, /^bench\/lab\/rig\/echo\.ts$/],
  commander: [
    /^cli\//,
    /^runtime\/process\//,
    // Scripts with flags of their own.
    /^bench\/lab\/(.+\/main|scaling\/validate)\.ts$/,
    /^(models\/author|deploy\/monitoring)\/main\.ts$/,
  ],
  autocannon: [/^bench\//, /^cli\/bench\/load-generator\.ts$/],
};

/** Files that may use the environment, signals and the exit of the process. */
const processFiles: Patterns = [
  // Entry points of the processes.
  /^(gateway|models|scaler)\/main\.ts$/,
  /^cli\//,
  /^runtime\/process\//,
  /^deploy\//,
  // Scripts, and the processes that they start.
  /^bench\//,
  /^models\/author\/main\.ts$/,
  /^models\/transforms\/child\.ts$/,
];
const processUse = /\bprocess\.(env|exit|exitCode|on|once|kill|abort)\b/g;

/** Libraries inside a room. Other folders import their `entry` only; they import `mayImport` and their own files. */
const libraries: readonly { folder: string; entry: string; mayImport: readonly string[] }[] = [
  { folder: 'models/protocol/json/', entry: 'models/protocol/json/json.ts', mayImport: ['contract/'] },
];

const matches = (file: string, allowed: Patterns): boolean => allowed.some((pattern) => pattern.test(file));

function packageOf(specifier: string): string | null {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return null;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Violations of the layout rules by one file, each as `path: violation`. */
export function violations(file: string, text: string): string[] {
  const found: string[] = [];
  const say = (violation: string): unknown => found.push(`${file}: ${violation}`);
  const room = file.split('/', 1)[0]!;
  const mayImport = rooms[room]?.mayImport;
  const name = path.posix.basename(file);
  const policy = /(^|\/)policy\//.test(file);

  if (mayImport === undefined) say(`'${room}' is not a room`);
  if (/^utils?\b/.test(name)) say('a file name without meaning');
  if (name === 'index.ts') say('a barrel');

  for (const { specifier, file: target } of importsOf(file, text)) {
    if (target !== null && !/\.(ts|json)$/.test(target)) say(`'${specifier}' lacks the file extension`);
    if (isTest(file)) continue;
    if (target !== null) {
      const within = target.startsWith(`${room}/`) || target === 'package.json';
      if (!within && !isUnder(target, mayImport ?? [])) say(`${room}/ may not import ${target}`);
      if (isTest(target)) say(`imports test code, ${target}`);
      if (/^bench\/(simulate|load-test)\//.test(file) && target.startsWith('bench/lab/')) {
        say(`a product may not import the laboratory: ${target}`);
      }
      if (/\/main\.ts$/.test(target) && room !== 'cli') say(`imports the entry point of a process: ${target}`);
      for (const { folder, entry, mayImport: known } of libraries) {
        const inside = file.startsWith(folder);
        if (inside && !isUnder(target, [folder, ...known])) say(`the library ${folder} may not import ${target}`);
        if (inside && target === entry) say(`the library ${folder} may not import its own entry`);
        if (!inside && target.startsWith(folder) && target !== entry)
          say(`may import only ${entry} of ${folder}: ${target}`);
      }
      const beside = path.posix.dirname(target) === path.posix.dirname(file);
      if (policy && !beside && !target.startsWith('contract/'))
        say(`policy/ may import only ./ and contract/: ${specifier}`);
      continue;
    }
    if (policy) say(`policy/ may import only ./ and contract/: ${specifier}`);
    if (room === 'contract' && packageOf(specifier) !== 'typebox')
      say(`contract/ may import only typebox: ${specifier}`);
    const fence = fences[packageOf(specifier) ?? ''];
    if (fence !== undefined && !matches(file, fence))
      say(`may not import '${specifier}', see fences in layout-rules.ts`);
  }

  if (!isTest(file) && !matches(file, processFiles)) {
    for (const [use] of withoutComments(text).matchAll(processUse))
      say(`${use} belongs to main.ts or runtime/process/`);
  }
  return found;
}

function isUnder(file: string, targets: readonly string[]): boolean {
  return targets.some((target) => (target.endsWith('/') ? file.startsWith(target) : file === target));
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

/**
 * Imports of development dependencies by code that also runs in installations without them. Tests, benchmarks and
 * models/author/ run only in a checkout; what product code imports from models/author/ counts as product code.
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

/** Import cycles: groups of files that reach each other by imports, type imports included. Sorted. */
export function importCycles(files: ReadonlyMap<string, string>): string[][] {
  // Tarjan's algorithm for strongly connected components.
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    stack.push(file);
    for (const { file: target } of importsOf(file, files.get(file)!)) {
      if (target === null || !files.has(target)) continue;
      if (!order.has(target)) visit(target);
      if (stack.includes(target)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const members = stack.splice(stack.indexOf(file));
    if (members.length > 1) cycles.push(members.toSorted());
  };
  for (const file of files.keys()) if (!order.has(file)) visit(file);
  return cycles.toSorted(([a], [b]) => (a! < b! ? -1 : 1));
}

/** First words that leave a comment without a subject. */
const subjectless =
  /^(?:Of|That|With|Beside|As|Whose|What|Who|It|They|Also|And|But|So|Such|Those|Likewise|This (?:is|was|has|may|must|can|one))\b/;
const commentStart = /^\s*(?:\/\*\*?\s*\n?\s*(?:\*(?!\/)\s*)?|\/\/ )(\S.*)$|[;,{}()[\]] +\/\/ (\S.*)$/gm;

/** Comments that begin without a subject, each as `path:line: first words`. */
export function subjectlessComments(file: string, text: string): string[] {
  return [...text.matchAll(commentStart)].flatMap((match) => {
    const comment = match[1] ?? match[2]!;
    const end = match.index + match[0].length;
    const lines = text.slice(0, end).split('\n');
    const continuesLine = /^\s*\/\/ /.test(lines.at(-1)!) && /^\s*\/\/ /.test(lines.at(-2) ?? '');
    if (continuesLine || !subjectless.test(comment)) return [];
    return [`${file}:${lines.length}: ${comment.slice(0, 60)}`];
  });
}
