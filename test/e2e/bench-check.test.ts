/** `npm run bench:check` on the real system, as it is and with a gateway that was made slow: the check can fail. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../bench/lab/check/main.ts', import.meta.url));
const slowGateway = new URL('../../bench/lab/check/testing/slow-gateway.ts', import.meta.url).href;
const limitMs = 600_000;

const folder = await mkdtemp(path.join(tmpdir(), 'sluice-bench-check-'));
after(() => rm(folder, { recursive: true, force: true }));
const file = path.join(folder, 'ratios.json');

/** Little work, and one comparison: what is measured here is the check. */
function check(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    execFile(
      process.execPath,
      [script, '--only', 'langid text', '--requests', '300', '--rounds', '2', '--ratios', file, ...args],
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

test('what is wrong with flags and committed ratios is said with its name', async () => {
  await writeFile(file, JSON.stringify({}));
  for (const [args, message] of [
    [['--rounds', '0'], /'--rounds <n>' argument '0' is invalid\. It must be a whole number of at least 1/],
    [[], /'--ratios <file>' argument '.*ratios\.json' is invalid\. It must have an object, ratios/],
  ] as const) {
    const { code, output } = await check(args);
    assert.equal(code, 2);
    assert.match(output, message);
  }
});
