/**
 * `npm run release`: `prepare VERSION` writes the version into the files of the checkout, for a commit; `build` makes the files of that release,
 * and says what a maintainer does with them. Nothing is published from here.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { provenance } from './provenance.ts';
import { hindrances, releasedChangelog, versionPattern, withVersion } from './version.ts';

const usage = 'usage: npm run release -- prepare VERSION | build [--dry-run] [--out DIRECTORY] [--platform NAME …]';
const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'dry-run': { type: 'boolean', default: false },
    out: { type: 'string', default: path.join(root, 'dist/release') },
    platform: { type: 'string', multiple: true, default: [] },
  },
});
const [action, wanted] = positionals;
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const { name, version } = JSON.parse(read('package.json')) as { name: string; version: string };
const say = (text: string): unknown => process.stdout.write(`${text}\n`);

if (action === 'prepare' && wanted !== undefined && versionPattern.test(wanted)) prepare(wanted);
else if (action === 'build' && wanted === undefined) build();
else {
  process.stderr.write(`${usage}\n`);
  process.exitCode = 2;
}

function prepare(next: string): void {
  writeFileSync(
    path.join(root, 'CHANGELOG.md'),
    releasedChangelog(read('CHANGELOG.md'), next, new Date().toISOString().slice(0, 10)),
  );
  execFileSync('npm', ['version', next, '--no-git-tag-version', '--silent'], { cwd: root });
  // Decisions tell of their own time, and tests of this script of any.
  const places = ['.ci', 'README.md', 'deploy', 'docs', 'test', ':!docs/adr', ':!deploy/release'];
  for (const file of git('ls-files', ...places).split('\n')) {
    const before = read(file);
    const after = withVersion(before, version, next);
    if (after !== before) writeFileSync(path.join(root, file), after);
  }
  say(`${version} → ${next}. Look at git diff, run the tests, commit, and then: npm run release -- build`);
}

function build(): void {
  const isClean = git('status', '--porcelain') === '';
  const found = hindrances({ changelog: read('CHANGELOG.md'), version, isClean });
  for (const line of found) process.stderr.write(`${flags['dry-run'] ? 'would stop' : 'stopped'}: ${line}\n`);
  if (found.length > 0 && !flags['dry-run']) {
    process.exitCode = 1;
    return;
  }
  const startedOn = new Date().toISOString();
  const out = path.resolve(flags.out);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });

  // Named like the package, since npm calls the subject of its SBOM after the folder.
  const folder = path.join(out, name);
  const platforms = flags.platform.flatMap((platform) => ['--platform', platform]);
  run(process.execPath, ['deploy/build.ts', '--package', ...platforms, '--out', folder], root);
  const tarball = `${name}-${version}.tgz`;
  run('npm', ['pack', folder, '--silent'], out);
  const sbom = `${name}-${version}.cdx.json`;
  writeFileSync(path.join(out, sbom), run('npm', ['sbom', '--sbom-format', 'cyclonedx'], folder));
  rmSync(folder, { recursive: true });
  run(process.execPath, ['deploy/chart/main.ts', folder], root);
  const chart = `${name}-chart-${version}.tgz`;
  run('tar', ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '-czf', chart, name], out);
  rmSync(folder, { recursive: true });

  const files = [tarball, chart, sbom].map((file) => ({ name: file, sha256: sha256(path.join(out, file)) }));
  const statement = provenance({
    files,
    repository: remote(),
    commit: git('rev-parse', 'HEAD'),
    lockSha256: sha256(path.join(root, 'package-lock.json')),
    node: process.versions.node,
    npm: run('npm', ['--version'], root).trim(),
    startedOn,
    finishedOn: new Date().toISOString(),
  });
  writeFileSync(path.join(out, `${name}-${version}.provenance.json`), `${JSON.stringify(statement, null, 2)}\n`);
  const sums = files.map((file) => `${file.sha256}  ${file.name}\n`).join('');
  writeFileSync(path.join(out, 'SHA256SUMS.part'), sums);
  renameSync(path.join(out, 'SHA256SUMS.part'), path.join(out, 'SHA256SUMS'));
  say(nextSteps({ out, tarball, chart }));
}

function nextSteps({ out, tarball, chart }: { out: string; tarball: string; chart: string }): string {
  return [
    `${out} has the files of ${name} ${version}. To publish them:`,
    `  git tag --sign v${version} && git push origin v${version}`,
    `  npm publish ${path.join(out, tarball)}`,
    `  podman build --platform linux/amd64,linux/arm64 --manifest REGISTRY/sluice:${version} --file deploy/Containerfile .`,
    `  podman manifest push REGISTRY/sluice:${version}`,
    `  helm push ${path.join(out, chart)} oci://REGISTRY/charts`,
  ].join('\n');
}

function remote(): string {
  try {
    return git('remote', 'get-url', 'origin');
  } catch {
    return 'unknown';
  }
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
