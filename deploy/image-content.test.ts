/** Contents of the image, read from sources, lock file and Containerfile: nothing is built. */
import assert from 'node:assert/strict';
import { closeSync, globSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { leftOut, leftOutPackages } from './image-content.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const isLeftOut = (file: string): boolean => Object.keys(leftOut).some((folder) => file.startsWith(`${folder}/`));

interface LockedPackage {
  readonly dev?: true;
  readonly optional?: true;
  readonly devOptional?: true;
  readonly dependencies?: Readonly<Record<string, string>>;
}
const lock = (JSON.parse(read('package-lock.json')) as { packages: Record<string, LockedPackage> }).packages;
/** Packages that `npm ci --omit=dev --omit=optional` installs: npm marks as optional what only optional ones need. */
const places = Object.entries(lock)
  .filter(([place, { dev, optional, devOptional }]) => place !== '' && !dev && !optional && !devOptional)
  .map(([place]) => place);
const installed = places.map((place) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length));

const product = globSync('{contract,runtime,models,cluster,gateway,scaler,deploy,bench,cli}/**/*.ts', {
  cwd: root,
}).filter((file) => !/\.test\.ts$|\/(testing|fixtures)\/|^bench\/lab\//.test(file));

test('the image installs no load generator, and nothing that only a load generator needs', () => {
  assert.deepEqual(
    installed.filter((name) => leftOutPackages.includes(name) || /^(cli-table3|hyperid|hdr-histogram)/.test(name)),
    [],
  );
  assert.ok(
    installed.includes('fastify') && installed.includes('onnxruntime-node'),
    'the list is that of the lock file',
  );
});

test('what the image keeps loads nothing of what it leaves out, but for the commands that say so', () => {
  const found: string[] = [];
  const saysSo = (folder: string): boolean =>
    product.includes(`${folder}/command.ts`) && read(`${folder}/command.ts`).includes('requireLoadGenerator(');
  for (const file of product.filter((name) => !isLeftOut(name))) {
    const text = read(file);
    for (const [statement, specifier] of text.matchAll(/^(?:import|export)\s(?!type\s)(?:[^'";]*?from )?'([^']+)'/gm)) {
      const target = path.posix.join(path.posix.dirname(file), specifier!);
      if (isLeftOut(target) || leftOutPackages.includes(specifier!)) found.push(`${file}: ${statement}`);
    }
    for (const [, specifier] of text.matchAll(/\bimport\('([^']+)'\)/g)) {
      const target = path.posix.join(path.posix.dirname(file), specifier!);
      if (isLeftOut(target) && !saysSo(path.posix.dirname(file))) found.push(`${file}: ${specifier!}`);
    }
  }
  assert.deepEqual(found, []);
});

test('the Containerfile copies all that the build script imports', () => {
  const text = read('deploy/Containerfile');
  const copied = [...text.matchAll(/^COPY (?!--)(.*) \S+$/gm)].flatMap(([, sources]) => sources!.split(' '));
  const isCopied = (file: string): boolean =>
    copied.some((source) => path.matchesGlob(file, source) || file.startsWith(`${source}/`));
  const reached = new Set<string>();
  const ahead = ['deploy/build.ts'];
  for (let file = ahead.pop(); file !== undefined; file = ahead.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const [, specifier] of read(file).matchAll(/^(?:import|export)\s[^'";]*?from '(\.[^']+)'/gm)) {
      ahead.push(path.posix.join(path.posix.dirname(file), specifier!));
    }
  }
  assert.ok(reached.size > 3, 'its imports were followed');
  assert.deepEqual(
    [...reached].filter((file) => !isCopied(file)),
    [],
  );
});

test('the Containerfile builds for the image, and installs without optional packages', () => {
  const text = read('deploy/Containerfile');
  assert.match(text, /^RUN npm run build -- --image$/m);
  assert.match(text, /^RUN npm ci --omit=dev --omit=optional /m);
  assert.deepEqual([...text.matchAll(/^COPY .*$/gm)].map(([line]) => line).slice(-6), [
    'COPY --from=dependencies /build/node_modules /app/node_modules',
    'COPY LICENSE /app/LICENSE',
    'COPY --from=build /build/dist /app',
    'COPY --from=build --chown=1000:1000 /places/cache /var/cache/sluice',
    'COPY --from=build /places/models /models',
    'COPY --from=build /places/locale /usr/lib/locale',
  ]);
});

test('the image for another architecture takes no emulator: commands run in stages of the building machine', () => {
  const stages = read('deploy/Containerfile')
    .split(/^(?=FROM )/m)
    .slice(1);
  const last = stages.pop()!;
  assert.ok(stages.length > 0);
  for (const stage of stages) assert.match(stage, /^FROM --platform=\$\{BUILDPLATFORM\} \$\{NODE_IMAGE\} AS /);
  assert.match(last, /^FROM --platform=\$\{TARGETPLATFORM\} \$\{NODE_IMAGE\}\n/);
  assert.doesNotMatch(last, /^RUN /m);
});

/** Machines by their number in the head of an ELF file. */
const machines: Readonly<Record<number, string>> = { 62: 'x86-64', 183: 'AArch64' };

/** Machine that a file is compiled for; null for what is no program or library of any system. */
function compiledFor(file: string): string | null {
  const head = Buffer.alloc(20);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, head);
  closeSync(descriptor);
  const magic = head.readUInt32BE(0);
  if (magic === 0x7f454c46) return machines[head.readUInt16LE(18)] ?? 'another machine';
  const isElsewhere = [0xcffaedfe, 0xcefaedfe, 0xcafebabe].includes(magic) || magic >>> 16 === 0x4d5a;
  return isElsewhere ? 'another system' : null;
}

test('of native code it holds ONNX Runtime alone, with the same libraries for amd64 and arm64', () => {
  const removed = /^RUN rm -r (node_modules\/\S+)$/m.exec(read('deploy/Containerfile'))?.[1] ?? '';
  const native = places
    .filter((place) => !path.matchesGlob(place, removed))
    .flatMap((place) => globSync(`${place}/**/*`, { cwd: root }))
    .filter((file) => !/\.([cm]?[jt]s|json|map|md)$/.test(file) && statSync(path.join(root, file)).isFile())
    .flatMap((file) => {
      const machine = compiledFor(path.join(root, file));
      return machine === null ? [] : [`${file.replace(/\bnapi-v\d+\b/, 'napi')} ${machine}`];
    });
  const folder = 'node_modules/onnxruntime-node/bin/napi';
  const libraries = ['libonnxruntime.so.1', 'onnxruntime_binding.node'];
  const wanted = Object.entries({ arm64: 'AArch64', x64: 'x86-64' }).flatMap(([name, machine]) =>
    libraries.map((library) => `${folder}/linux/${name}/${library} ${machine}`),
  );
  // Other systems' libraries of ONNX Runtime go by their folders.
  const isElsewhere = (file: string): boolean => file.startsWith(`${folder}/`) && !file.startsWith(`${folder}/linux/`);
  const found = new Set(native.filter((file) => !isElsewhere(file)));
  assert.deepEqual([...found].toSorted(), wanted);
});
