import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

function run(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [sluice, ...args],
      { env: { PATH: process.env.PATH, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

describe('command line', { concurrency: 2 }, () => {
  test('--version and --help go to stdout and exit 0; every command is listed', async () => {
    assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
    const { code, stdout } = await run(['--help']);
    assert.equal(code, 0);
    for (const command of ['up', 'gateway', 'scaler', 'model-server'])
      assert.ok(stdout.includes(`  ${command} [options]`), command);
  });

  test('a closed stdout ends a printing command without an error message', async () => {
    const child = spawn(process.execPath, [sluice, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    assert.equal(await text(child.stderr), '');
  });

  test('help of a command names the flag, default and variable of each setting', async () => {
    const { stdout } = await run(['gateway', '--help']);
    const text = stdout.replaceAll(/\s+/g, ' ');
    assert.ok(
      text.includes(
        '--admin-port <value> port for metrics and health checks; 0 picks a free port (default: 8081; env: SLUICE_ADMIN_PORT)',
      ),
      text,
    );
    assert.ok(text.includes('Examples: sluice gateway --pools pools.yaml'), text);
  });

  test('--print-config prints each setting and its source: flag over variable over default', async () => {
    const env = { SLUICE_PORT: '90', SLUICE_ADMIN_PORT: '91' };
    const { code, stdout } = await run(['up', '--print-config', '--port', '92'], env);
    assert.equal(code, 0);
    assert.deepEqual(parse(stdout), {
      host: '127.0.0.1',
      port: 92,
      adminPort: 91,
      scalerPort: 8082,
      logFormat: 'pretty',
      logLevel: 'info',
    });
    assert.match(stdout, /^port: 92 # --port$/m);
    assert.match(stdout, /^adminPort: 91 # SLUICE_ADMIN_PORT$/m);
    assert.match(stdout, /^scalerPort: 8082 # default$/m);
    assert.match(stdout, /^# repository: not set \(--repository, SLUICE_REPOSITORY\)$/m);
  });

  test('all invalid settings are reported at once with flag and value, exit code 2, no stack', async () => {
    const { code, stderr } = await run(['up', '--port', '99999', '--pods', 'two'], { SLUICE_LOG_LEVEL: 'loud' });
    assert.equal(code, 2);
    assert.deepEqual(stderr.trimEnd().split('\n').toSorted(), [
      'sluice: --log-level (SLUICE_LOG_LEVEL): must be one of fatal, error, warn, info, debug, trace, was: "loud"',
      'sluice: --pods (SLUICE_PODS): must be a whole number from 1 to 64, was: "two"',
      'sluice: --port (SLUICE_PORT): must be a whole number from 0 to 65535, was: "99999"',
    ]);
  });

  test('an unknown flag, command or argument is named, exit code 2', async () => {
    for (const args of [['up', '--prot', '1'], ['upp'], ['up', 'now']]) {
      const { code, stderr } = await run(args);
      assert.equal(code, 2, args.join(' '));
      assert.match(
        stderr,
        new RegExp(`^error: .*${args.includes('now') ? 'argument' : args.at(args.length > 1 ? 1 : 0)!}`),
      );
    }
  });

  test('a gateway without a supervisor accepts only pools with endpoints', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'sluice-cli-'));
    const file = path.join(directory, 'pools.yaml');
    writeFileSync(
      file,
      'apiVersion: sluice.dev/v1alpha1\nkind: ModelPool\nmetadata: { name: p }\nspec: { models: [m] }\n',
    );
    const { code, stderr } = await run(['gateway', '--pools', file]);
    assert.equal(code, 2);
    assert.match(stderr, /^sluice: .*pools\.yaml: pool p: \/spec\/endpoints: must name at least one server, was: \[\]/);
    rmSync(directory, { recursive: true });
  });

  test('a gateway without pools and a model server without a repository name the missing setting', async () => {
    assert.match((await run(['gateway'])).stderr, /^sluice: --pools \(SLUICE_POOLS\): is required/);
    assert.deepEqual(await run(['model-server']), {
      code: 2,
      stdout: '',
      stderr: 'sluice: --repository (SLUICE_REPOSITORY): is required\n',
    });
  });
});
