/** Scripts that take flags, as processes: a mistake is one line and exit 2, with nothing started; `--help` is commander's. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where `sluice` keeps compiled code: to compile it is most of what such a run does. */
const cache = path.join(tmpdir(), 'node-compile-cache');

function run(script: string, args: readonly string[]) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [script.replace(/^node /, ''), ...args],
      { cwd: root, env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: cache }, timeout: 20_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

const { bench, zoo, monitoring, ...scripts } = packageJson.scripts;

describe('scripts with flags', { concurrency: 2 }, () => {
  for (const [script, args, line] of [
    [bench, ['--requests', 'x'], /'--requests <n>' argument 'x' is invalid\. .* a whole number of at least 200000\./],
    [scripts['bench:check'], ['--only', 'nonsense'], /'--only <name>' argument 'nonsense' .* mlp binary, /],
    [scripts['bench:peers'], [], /missing peer\. Allowed choices are fastapi, .*, all\./],
    [scripts['bench:scaling'], ['--sample', '0'], /'--sample <n>' argument '0' is invalid\./],
    [scripts['bench:scaling-validation'], ['--minutes', '-1'], /'--minutes <n>' argument '-1' .* from 1 to 30\./],
    [
      'node bench/lab/profile/main.ts',
      ['--body', 'nonsense'],
      /'--body <name>' argument 'nonsense' .*choices are mlp JSON, /,
    ],
    [zoo, ['simple', 'nonsense'], /'nonsense' is invalid .*choices are langid, simple, mlp, wide\./],
    [monitoring, ['--runbooks'], /'--runbooks <url>' argument missing/],
    [monitoring, ['--nonsense'], /unknown option '--nonsense'/],
  ] as const) {
    test(`${script} ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(script, args);
      assert.deepEqual([code, stdout, stderr.split('\n').length], [2, '', 2], stderr);
      assert.match(stderr, line);
    });
  }

  test('help goes to stdout, with flags, what they may be and defaults, and exits 0', async () => {
    for (const [script, parts] of [
      [scripts['bench:scaling'], ['--sample <n>', '(default: bench/results)']],
      [zoo, ['[models...]', 'default: langid, simple, mlp)', '--check']],
    ] as const) {
      const { code, stdout, stderr } = await run(script, ['--help']);
      assert.deepEqual([code, stderr], [0, '']);
      for (const part of parts) assert.ok(stdout.replaceAll(/\s+/g, ' ').includes(part), stdout);
    }
  });
});
