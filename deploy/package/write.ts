/** Completes the compiled tree of a folder to the published package: manifest, types of transforms, texts, and the packages that it carries. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { carriedManifest, carriedPackages, isNeeded, type Carried, type Lock, type Platform } from './carried.ts';
import { carriedNames, packageManifest, type SourceManifest } from './manifest.ts';

export interface PackageOptions {
  /** The checkout, with its packages installed. */
  readonly root: string;
  /** Folder with the compiled tree. */
  readonly folder: string;
  readonly platforms: readonly Platform[];
}

export function writePackage({ root, folder, platforms }: PackageOptions): void {
  const read = (file: string): unknown => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
  const source = read('package.json') as SourceManifest;
  const { packages } = read('package-lock.json') as { packages: Lock };
  writeJson(path.join(folder, 'package.json'), packageManifest(source, platforms));
  for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md'])
    copyFileSync(path.join(root, file), path.join(folder, file));
  writeTypes(root, folder);
  for (const carried of carriedPackages(packages, Object.keys(carriedNames(source))))
    copyPackage(root, folder, carried, platforms);
}

/** Declarations of what `sluice/transform` exports, for the editors of those who write transforms. */
function writeTypes(root: string, folder: string): void {
  const flags = '--declaration --emitDeclarationOnly --noCheck --noEmit false --skipLibCheck --ignoreConfig'.split(' ');
  const language = '--target es2024 --lib es2024,esnext.float16 --module nodenext --types node'.split(' ');
  const imports = '--allowImportingTsExtensions --rewriteRelativeImportExtensions'.split(' ');
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
  const places = ['--rootDir', root, '--outDir', folder];
  const file = path.join(root, 'models/transforms/transform.ts');
  execFileSync(process.execPath, [compiler, ...flags, ...language, ...imports, ...places, file], {
    cwd: root,
    stdio: 'inherit',
  });
}

function copyPackage(root: string, folder: string, carried: Carried, platforms: readonly Platform[]): void {
  const from = path.join(root, carried.place);
  const to = path.join(folder, carried.place);
  const isNested = (file: string): boolean => path.basename(file) === 'node_modules';
  for (const file of globSync('**/*', { cwd: from, exclude: isNested })) {
    if (!isNeeded(carried.name, file.split(path.sep).join('/'), platforms)) continue;
    if (!statSync(path.join(from, file)).isFile()) continue;
    mkdirSync(path.dirname(path.join(to, file)), { recursive: true });
    cpSync(path.join(from, file), path.join(to, file));
  }
  const manifest = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8')) as Record<string, unknown>;
  writeJson(path.join(to, 'package.json'), carriedManifest(manifest, carried));
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}
