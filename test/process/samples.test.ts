/** Samples that people put beside a model whose inputs nobody could guess, with a real pod. */
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import * as fixtures from '../../models/author/fixtures.ts';
import type { FileSignature } from '../../models/repository/signature.ts';
import { readSamples } from '../../models/repository/samples.ts';
import { startModelServer, writeRepository } from '../../models/testing/model-server.ts';

async function repositoryWith(t: TestContext, sample: string | null): Promise<string> {
  const repository = await writeRepository({ picky: { versions: { 1: fixtures.picky() } } });
  t.after(() => rm(repository, { recursive: true }));
  if (sample !== null) {
    await mkdir(path.join(repository, 'picky', 'samples'));
    await writeFile(path.join(repository, 'picky', 'samples', 'first.json'), sample);
  }
  return repository;
}

async function start(t: TestContext, sample: string | null) {
  return startModelServer({}, { repository: await repositoryWith(t, sample) });
}

const request = (shape: readonly number[], ...data: readonly number[]): string =>
  JSON.stringify({ inputs: [{ name: 'ids', datatype: 'INT64', shape, data }] });

test('a model that refuses all random inputs says how to give samples', async (t) => {
  await using started = await start(t, null);
  const [model] = [...started.server.pod.models.ready()];
  assert.match(String(model!.unbatchedReason), /^no random input was taken; put requests that it takes into samples\//);
});

test('with one sample it is batched, and warmed up', async (t) => {
  await using started = await start(t, request([1, 2], 5000, 5002));
  const [model] = [...started.server.pod.models.ready()];
  assert.equal(model!.unbatchedReason, null);
  assert.equal(model!.warmup.at(-1)?.rows, 64);
});

test('a sample that does not fit is told with its file and field', async (t) => {
  const repository = await repositoryWith(t, request([1, 3], 5000, 5001, 5002));
  const file: FileSignature = {
    inputs: [{ name: 'ids', datatype: 'INT64', shape: [-1, 2], axisNames: ['batch', null] }],
    outputs: [],
  };
  await assert.rejects(
    readSamples(path.join(repository, 'picky'), file, null),
    /samples\/first\.json: input 'ids': shape \[1,3\] does not fit the model's \[-1,2\]/,
  );
});
