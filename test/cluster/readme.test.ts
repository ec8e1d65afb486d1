/**
 * README, "On Kubernetes", to the letter: its commands, in order, in one shell. But for the image, which the cluster has, and the
 * port of this machine, of which any free one does.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { kubectl, Namespace, requireCluster, until } from './support/kubectl.ts';
import { image, root } from './support/image.ts';
import { testNamespace } from './support/installed.ts';

/** Names that README and the overlays use. */
const namespace = new Namespace('sluice');
const readmeImage = 'localhost/sluice:0.1.0';

before(async () => {
  requireCluster();
  await kubectl(['delete', 'namespace', namespace.name, '--ignore-not-found', '--timeout=120s']);
});
after(() => namespace.delete());

test('README: On Kubernetes', { skip: image !== readmeImage && `the image is not ${readmeImage}` }, async (t) => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('\n## On Kubernetes\n'), readme.indexOf('\n## Clients\n'));
  const fenced = (language: string) => [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))];
  const [build, ...commands] = fenced('sh').map((match) => match[1]!);
  assert.match(build!, /build/);
  const script = commands.join('\n').replaceAll('18080', String(await freePort()));
  const run = promisify(execFile)(
    'bash',
    ['-euo', 'pipefail', '-c', `trap 'jobs -p | xargs -r kill' EXIT\n${script}`],
    {
      cwd: root,
      timeout: 300_000,
    },
  );
  const { stdout } = await run.catch(async (error: unknown) => {
    t.diagnostic(await namespace.explain());
    throw error;
  });
  t.diagnostic(stdout);
  await testNamespace(t, namespace);
  const [answer] = fenced('json').map((match) => match[1]!.trim());
  assert.ok(stdout.includes(answer!), `no ${answer!} in:\n${stdout}`);
  assert.match(stdout, /NAME +READY +DESIRED +QUEUE +WAIT +OBJECTIVE +REASON +AGE/);
  // The scaler writes conditions after its first look at the pool.
  await until('conditions', 30_000, async () =>
    /AbleToScale/.test(await namespace.kubectl(['describe', 'modelpool', 'langid'])) ? true : null,
  );
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error()),
      );
    });
  });
}
