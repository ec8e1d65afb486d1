/** A file of pools that changes under `sluice up`, with requests all the while. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSystem, type System } from '../support/system.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pools-reload-'));
const file = path.join(folder, 'pools.yaml');
const repository = path.join(folder, 'models');
const zoo = fileURLToPath(new URL('../../models/zoo/simple', import.meta.url));
/** Only a hang reaches it. */
const limitMs = 60_000;

const pool = (name: string, spec: string) =>
  `apiVersion: sluice.dev/v1alpha1\nkind: ModelPool\nmetadata: { name: ${name} }\nspec: ${spec}\n`;

let system: System;
const lines: string[] = [];
const looks = new Set<() => void>();

before(async () => {
  for (const model of ['one', 'two']) cpSync(zoo, path.join(repository, model), { recursive: true });
  writeFileSync(file, pool('a', '{ models: [one], scaling: { maxReplicas: 2 } }'));
  system = await startSystem(['--repository', repository, '--pools', file], {
    onLine: (line) => {
      lines.push(line);
      for (const look of looks) look();
    },
  });
});
after(async () => {
  await system.stop();
  rmSync(folder, { recursive: true });
});

/** Resolves to the first line that matches among those that came after this call. */
function line(pattern: RegExp): Promise<string> {
  const from = lines.length;
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`no ${pattern.source}: ${lines.slice(from).join('\n')}`)), limitMs);
    const look = (): void => {
      const found = lines.slice(from).find((each) => pattern.test(each));
      if (found === undefined) return;
      clearTimeout(limit);
      looks.delete(look);
      resolve(found);
    };
    looks.add(look);
  });
}

const inputs = ['INPUT0', 'INPUT1'].map((name) => ({
  name,
  datatype: 'INT32',
  shape: [1, 16],
  data: Array.from({ length: 16 }, () => 1),
}));

async function statusOf(model: string): Promise<number> {
  const answer = await fetch(`${system.origin}/v2/models/${model}/infer`, {
    method: 'POST',
    body: JSON.stringify({ inputs }),
    headers: { 'content-type': 'application/json' },
  });
  await answer.arrayBuffer();
  return answer.status;
}

async function untilStatus(model: string, status: number): Promise<void> {
  const untilMs = performance.now() + limitMs;
  while ((await statusOf(model)) !== status) {
    assert.ok(performance.now() < untilMs, `${model} never answers ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a setting of the pods changes: they are replaced, and no request fails meanwhile', async () => {
  const [before] = system.podPids();
  const statuses = new Map<number, number>();
  const replaced = new AbortController();
  const traffic = (async () => {
    while (!replaced.signal.aborted) {
      const status = await statusOf('one');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  })();
  const told = line(/has changed: pool a: \/spec\/batching\/maxRows 64 → 8/);
  writeFileSync(file, pool('a', '{ models: [one], batching: { maxRows: 8 }, scaling: { maxReplicas: 2 } }'));
  await told;
  const untilMs = performance.now() + limitMs;
  while (system.podPids().length !== 1 || system.podPids()[0] === before) {
    assert.ok(performance.now() < untilMs, `the pod was never replaced: ${system.output.slice(-20).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  replaced.abort();
  await traffic;
  assert.deepEqual([...statuses.keys()], [200]);
});

test('a file with mistakes is refused with all of them, and the old pools go on', async () => {
  const pods = system.podPids();
  const [first, second, refused] = [
    line(/pools\.yaml:4: \/spec\/batching\/maxRow: is not a field of a ModelPool; did you mean maxRows\?/),
    line(/pools\.yaml:8: \/metadata\/name: must be a DNS label/),
    line(/is refused, the pools stay as they are/),
  ];
  writeFileSync(
    file,
    `${pool('a', '{ models: [one], batching: { maxRow: 3 } }')}---\n${pool('B', '{ models: [two] }')}`,
  );
  await Promise.all([first, second, refused]);
  assert.equal(await statusOf('one'), 200);
  assert.deepEqual(system.podPids(), pods);
  // A model that isn't there is a mistake too.
  const missing = line(/has no model tow; it holds: one, two; did you mean two\?/);
  writeFileSync(file, pool('a', '{ models: [one, tow] }'));
  await missing;
  assert.equal(await statusOf('two'), 404);
});

test('a pool is added, gets its pods and answers; the replicas of another change; then one is removed', async () => {
  const same = '{ models: [one], batching: { maxRows: 8 }, scaling: { minReplicas: 2, maxReplicas: 2 } }';
  const added = line(/pool b: added, with models two/);
  writeFileSync(file, `${pool('a', same)}---\n${pool('b', '{ models: [two] }')}`);
  await added;
  await untilStatus('two', 200);
  const untilMs = performance.now() + limitMs;
  while (system.podPids().length !== 3) {
    assert.ok(performance.now() < untilMs, 'minReplicas never came about');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const removed = line(/pool a: removed/);
  writeFileSync(file, pool('b', '{ models: [two] }'));
  await removed;
  await untilStatus('one', 404);
  while (system.podPids().length !== 1) {
    assert.ok(performance.now() < untilMs, 'the pods of the removed pool never ended');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(await statusOf('two'), 200);
});
