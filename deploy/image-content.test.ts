/** Contents of the image, read from sources, lock file and Containerfile: nothing is built. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
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
const installed = Object.entries(lock)
  .filter(([place, { dev, optional, devOptional }]) => place !== '' && !dev && !optional && !devOptional)
  .map(([place]) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length));

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
  assert.deepEqual([...text.matchAll(/^COPY .*$/gm)].map(([line]) => line).slice(-3), [
    'COPY --from=dependencies /build/node_modules /app/node_modules',
    'COPY LICENSE /app/LICENSE',
    'COPY --from=build /build/dist /app',
  ]);
});
