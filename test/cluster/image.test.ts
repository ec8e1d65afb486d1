/** The image: the same digest from the same commit, its labels, its size, and a start without any shell. Needs buildah. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from './support/system.ts';

/** With Node 24 and npm; SLUICE_TEST_NODE_IMAGE where no registry has it. */
const base = process.env.SLUICE_TEST_NODE_IMAGE ?? 'docker.io/library/node:24-bookworm-slim';
const names = ['localhost/sluice-test:first', 'localhost/sluice-test:second'] as const;
let context: string;
let revision: string;
let timestamp: string;

const run = async (command: string, args: readonly string[]): Promise<string> => {
  const options = { cwd: root, maxBuffer: 64 * 1024 * 1024 };
  return (await promisify(execFile)(command, args, options)).stdout.trim();
};
const buildah = (...args: string[]): Promise<string> => run('buildah', args);

before(async () => {
  context = await mkdtemp(path.join(tmpdir(), 'sluice-image-'));
  revision = await run('git', ['rev-parse', 'HEAD']);
  timestamp = await run('git', ['log', '-1', '--format=%ct', revision]);
  await run('sh', ['-c', `git archive ${revision} | tar -x -C ${context}`]);
});
after(async () => {
  await rm(context, { recursive: true });
  await buildah('rmi', ...names).catch(() => undefined);
});

async function build(name: string): Promise<{ digest: string; sizeMb: number }> {
  await buildah(
    ...['build', '--quiet', '--isolation', 'chroot', '--no-cache', '--timestamp', timestamp],
    ...['--build-arg', `NODE_IMAGE=${base}`, '--build-arg', `REVISION=${revision}`],
    ...['--tag', name, '--file', path.join(context, 'deploy/Containerfile'), context],
  );
  const folder = path.join(context, `pushed-${name.split(':')[1]!}`);
  await buildah('push', '--quiet', '--digestfile', `${folder}.digest`, name, `oci:${folder}`);
  const digest = await run('cat', [`${folder}.digest`]);
  const kilobytes = Number((await run('du', ['-sk', folder])).split('\t')[0]);
  return { digest, sizeMb: Math.round(kilobytes / 1000) };
}

test('two builds of one commit have one digest', async (t) => {
  const first = await build(names[0]);
  const second = await build(names[1]);
  t.diagnostic(JSON.stringify({ first, second }));
  assert.equal(first.digest, second.digest);
});

test('it says what it is, is not root, and starts by an argument', async () => {
  const { OCIv1: image } = JSON.parse(await buildah('inspect', '--type', 'image', names[0])) as {
    OCIv1: { config: { Labels: Record<string, string>; User: string; Entrypoint: string[] } };
  };
  const { Labels: labels, User: user, Entrypoint: entrypoint } = image.config;
  assert.equal(labels['org.opencontainers.image.revision'], revision);
  for (const label of ['title', 'description', 'licenses', 'version']) {
    assert.ok((labels[`org.opencontainers.image.${label}`] ?? '') !== '', label);
  }
  assert.equal(user, '1000:1000');
  assert.deepEqual(entrypoint, ['node', '/app/cli/sluice.js']);
});

test('no shell is needed: a model server loads and warms its models where there is none', async () => {
  const container = await buildah('from', names[0]);
  try {
    const folder = await buildah('mount', container);
    const shells = ['sh', 'bash', 'dash'].flatMap((shell) => [`${folder}/bin/${shell}`, `${folder}/usr/bin/${shell}`]);
    await Promise.all(shells.map((shell) => rm(shell, { force: true })));
    // It ends by itself when its listening port is taken away from under it: by the signal that a kubelet sends.
    const script = `
      const { spawn } = require('node:child_process');
      const server = spawn('node', ['/app/cli/sluice.js', 'model-server', '--port', '0']);
      server.stdout.on('data', (text) => { process.stdout.write(text); if (/"ready"/.test(text)) server.kill('SIGTERM'); });
      server.on('exit', (code) => process.exit(code));`;
    const said = await buildah(
      ...['run', '--isolation', 'chroot', '--user', '1000:1000', container, '--', 'node', '--eval', script],
    );
    assert.match(said, /"msg":"ready"/);
    assert.match(said, /"msg":"drained"/);
  } finally {
    await buildah('rm', container);
  }
});
