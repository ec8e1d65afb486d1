/** `npm run bench:check` on the real system, beside one whose gateway was made slow: the check can fail, and tells two checkouts apart. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../bench/lab/check/main.ts', import.meta.url));
const slowGateway = new URL('../../bench/lab/check/testing/slow-gateway.ts', import.meta.url).href;
const root = fileURLToPath(new URL('../..', import.meta.url));
const limitMs = 600_000;

const folder = await mkdtemp(path.join(tmpdir(), 'sluice-bench-check-'));
after(() => rm(folder, { recursive: true, force: true }));
const file = path.join(folder, 'ratios.json');

/** Little work, and one comparison: what is measured here is the check. */
function check(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return run(['--ratios', file, ...args], env);
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    execFile(
      process.execPath,
      [script, '--only', 'langid text', '--requests', '300', '--rounds', '2', ...args],
      { timeout: limitMs, env: { ...process.env, ...env } },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

test('a gateway that costs more fails the check, and is named', async () => {
  const written = await check(['--write']);
  assert.equal(written.code, 0, written.output);
  const { ratios } = JSON.parse(await readFile(file, 'utf8')) as { ratios: Record<string, number> };
  const name = 'langid text: gateway ÷ echo';
  assert.ok(ratios[name]! > 0, written.output);
  // The slow gateway adds 1 ms, while an echo takes 0.1 ms.
  const slow = await check([], { NODE_OPTIONS: `--import ${slowGateway}` });
  assert.equal(slow.code, 1, slow.output);
  assert.match(slow.output, /Lost more than a quarter, after 3 attempts: .*langid text: gateway ÷ echo/);
});

test('what is no more than was committed passes', async () => {
  const ratios = { 'langid text: gateway ÷ echo': 1_000, 'langid text: gateway + pods ÷ echo': 1_000 };
  await writeFile(file, JSON.stringify({ ratios }));
  const { code, output } = await check([]);
  assert.equal(code, 0, output);
  assert.match(output, /No loss/);
});

test('two checkouts are compared, and the one that costs more is named', async () => {
  // A checkout like this one, but for its gateway.
  const checkout = path.join(folder, 'slow');
  await mkdir(path.join(checkout, 'cli'), { recursive: true });
  await symlink(path.join(root, 'node_modules'), path.join(checkout, 'node_modules'));
  const lines = [
    `process.env.NODE_OPTIONS = ${JSON.stringify(`--import ${slowGateway}`)};`,
    `await import(${JSON.stringify(new URL('../../cli/sluice.js', import.meta.url).href)});`,
  ];
  await writeFile(path.join(checkout, 'cli/sluice.js'), lines.join('\n'));
  await writeFile(path.join(checkout, 'package.json'), '{ "type": "module" }');
  const { code, output } = await run(['--against', checkout]);
  assert.equal(code, 0, output);
  const [, here, there] = /langid text: gateway +([\d.]+) µs a request here, ([\d.]+) there: /.exec(output) ?? [];
  // The slow gateway adds 1 ms to a request.
  assert.ok(Number(there) > 1_000 && Number(here) < Number(there), output);
});

test('what is wrong with flags and committed ratios is said with its name', async () => {
  await writeFile(file, JSON.stringify({}));
  for (const [args, message] of [
    [['--rounds', '0'], /'--rounds <n>' argument '0' is invalid\. It must be a whole number of at least 1/],
    [[], /'--ratios <file>' argument '.*ratios\.json' is invalid\. It must have an object, ratios/],
    [['--against', root], /'--against <checkout>' cannot be used with option '--ratios <file>'/],
  ] as const) {
    const { code, output } = await check(args);
    assert.equal(code, 2);
    assert.match(output, message);
  }
  const { code, output } = await run(['--against', folder]);
  assert.equal(code, 2);
  assert.match(output, /'--against <checkout>' argument '.*' is invalid\. It has no cli\/sluice\.js/);
});
