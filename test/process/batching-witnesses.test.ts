/** Models that were made for one witness of the proof each: a pod with ONNX Runtime runs them alone, and says why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fixtures from '../../models/author/fixtures.ts';
import { startModelServer, type RepositoryFiles, type TestServer } from '../../models/testing/model-server.ts';

const reasonOf = ({ server }: TestServer, name: string): string | null | undefined =>
  [...server.pod.models.ready()].find((model) => model.name === name)?.unbatchedReason;

const single = (bytes: Uint8Array, config?: string): RepositoryFiles[string] => ({
  versions: { 1: bytes },
  ...(config === undefined ? {} : { config }),
});

test('a mean over the batch that no random input shows is found by the walk over the graph', async () => {
  await using started = await startModelServer({
    quiet: single(fixtures.quietMean()),
    rarely: single(fixtures.rarelyCoupled()),
    sums: single(fixtures.variableLength()),
  });
  assert.equal(reasonOf(started, 'quiet'), "node 'Mean_0' reduces over the batch axis");
  // Nothing before service can know of this one.
  assert.equal(reasonOf(started, 'rarely'), null);
  assert.equal(reasonOf(started, 'sums'), null);
});

test('the walk explains what the trial sees', async () => {
  await using started = await startModelServer({ int8: single(fixtures.quantisedTogether()) });
  assert.match(
    String(reasonOf(started, 'int8')),
    /^outputs change with companions \(.* of the scale of 'y', inputs: mixed\); node 'Quantise_0' quantises over the whole batch$/,
  );
});

test('batching: always is obeyed, and what the walk is certain of is warned of', async () => {
  await using started = await startModelServer({ int8: single(fixtures.quantisedTogether(), 'batching: always\n') });
  assert.equal(reasonOf(started, 'int8'), null);
  const [warning] = started.logged.filter(({ msg }) => msg === 'batching is not proven');
  assert.equal(warning?.['reason'], "batching: always is obeyed, and node 'Quantise_0' quantises over the whole batch");
});
