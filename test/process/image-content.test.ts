/** The commands of the image, from the build that it holds and with the packages that it installs, without a container. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lowerCase } from '../../models/author/fixtures.ts';
import { lowerCaseScript } from '../support/lower-case-script.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'sluice-image-'));
const app = path.join(folder, 'app');
after(() => rmSync(folder, { recursive: true }));

before(() => {
  execFileSync(process.execPath, [path.join(root, 'deploy/build.ts'), '--image', '--out', app]);
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: true; optional?: true; devOptional?: true }>;
  };
  for (const [place, { dev, optional, devOptional }] of Object.entries(packages)) {
    // Packages below others come with them.
    if (!/^node_modules\/(@[^/]+\/)?[^/]+$/.test(place) || dev || optional || devOptional) continue;
    mkdirSync(path.dirname(path.join(app, place)), { recursive: true });
    symlinkSync(path.join(root, place), path.join(app, place));
  }
});

function sluice(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [path.join(app, 'cli/sluice.js'), ...args],
      { env: { PATH: process.env['PATH'], SLUICE_REPOSITORY: path.join(app, 'models/zoo') } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

test('sluice bench says that there is no load generator, whatever its flags', async () => {
  assert.ok(!existsSync(path.join(app, 'bench/load-test')));
  for (const args of [['http://127.0.0.1:1', '--model', 'm', '--rate', '1'], ['--compare', 'a.json', 'b.json'], []]) {
    const { code, stderr } = await sluice('bench', ...args);
    assert.deepEqual([code, stderr.split('\n').length], [2, 2], stderr);
    assert.match(stderr, /^sluice: bench: this installation has no load generator .*images of Sluice hold none/);
  }
});

test('sluice bench says so too where only its packages are missing', async () => {
  mkdirSync(path.join(app, 'bench/load-test'));
  const { code, stderr } = await sluice('bench', 'http://127.0.0.1:1', '--model', 'm', '--rate', '1');
  rmSync(path.join(app, 'bench/load-test'), { recursive: true });
  assert.equal(code, 2);
  assert.match(stderr, /no load generator \(the package autocannon is not installed\)/);
});

test('the other commands load: help, settings of each process, a simulation', async () => {
  assert.match((await sluice('--help')).stdout, /model-server/);
  for (const command of ['gateway', 'scaler', 'model-server', 'up']) {
    const { code, stderr } = await sluice(command, '--print-config');
    assert.equal(code, 0, `${command}: ${stderr}`);
  }
  const trace = path.join(folder, 'trace.csv');
  writeFileSync(trace, Array.from({ length: 200 }, (_, index) => `${index * 50}\n`).join(''));
  const { code, stdout, stderr } = await sluice('simulate', '--trace', trace, '--policy', 'sluice');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /200 requests/);
});

test('text pipelines run by the locale that the image makes: words beyond ASCII in lower case', () => {
  const containerfile = readFileSync(path.join(root, 'deploy/Containerfile'), 'utf8');
  const [, target, name] = /&& ln -s (\S+) \/places\/locale\/(\S+)$/m.exec(containerfile) ?? [];
  assert.ok(target !== undefined && name !== undefined, 'the Containerfile makes a locale');
  const locales = path.join(folder, 'locales');
  mkdirSync(locales);
  const lower = (): string =>
    execFileSync(process.execPath, ['--input-type=module', '--eval', lowerCaseScript(lowerCase())], {
      cwd: app,
      env: { LOCPATH: locales },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  assert.throws(lower, /Failed to construct locale with name:en_US/, 'a machine without the locale');
  symlinkSync(path.join('/usr/lib/locale', target), path.join(locales, name));
  assert.equal(lower(), '["grösse","école","ωμέγα"]');
});
