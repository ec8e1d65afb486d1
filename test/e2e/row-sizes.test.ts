/** Costs by the length of texts through a whole system: a real encoder, and what its gateway tells the scaler of it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { request } from 'undici';
import type { LoadReport, ModelLoad } from '../../contract/load-report.ts';
import { build } from '../../models/author/encoder.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { Client, json } from '../support/requests.ts';
import { startSystem, type System } from '../support/system.ts';

let repository: Repository;
let system: System;
let client: Client;

before(async () => {
  repository = await makeRepository({ zoo: ['mlp'], files: { encoder: build() } });
  system = await startSystem(['--repository', repository.directory]);
  client = new Client(system.origin);
});

after(async () => {
  await client.close();
  assert.equal(await system.stop(), 0);
  await repository.remove();
});

/** Sends so many texts of one length, one after the other. */
async function send(texts: number, tokens: number): Promise<void> {
  const data = Array.from({ length: tokens }, (_, index) => (index * 7) % 1_000);
  const body = json({ inputs: [{ name: 'ids', datatype: 'INT64', shape: [1, tokens], data }] });
  for (let text = 0; text < texts; text += 1) {
    const { status, text: answer } = await client.send('POST', '/v2/models/encoder/infer', body);
    assert.equal(status, 200, answer);
  }
}

async function loadOf(model: string): Promise<ModelLoad> {
  const { body } = await request(`${system.adminOrigin}/load`);
  const report = (await body.json()) as LoadReport;
  return report.pools.flatMap(({ models }) => models).find(({ name }) => name === model)!;
}

test('the scaler is told what a row takes in the present mix of lengths', async () => {
  await send(220, 8);
  const short = await loadOf('encoder');
  await send(400, 512);
  const long = await loadOf('encoder');
  assert.equal(short.rowElements, 8);
  assert.ok(long.rowElements! > 400 && long.rowElements! <= 512, `${long.rowElements}`);
  // A row of 512 tokens takes some 60 times as long: a tenth of it can't be missed on any machine.
  assert.ok(long.fit!.cMs > 6 * short.fit!.cMs, `${long.fit!.cMs} and ${short.fit!.cMs} ms a row`);
});

test('a model whose rows are of one size has no size', async () => {
  const mlp = await loadOf('mlp');
  assert.equal(mlp.rowElements, undefined);
  assert.ok(mlp.fit!.samples > 0);
});
