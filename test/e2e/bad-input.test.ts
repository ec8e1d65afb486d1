/** Bad input to a whole system: each request gets a status below 500 and an `{"error": …}` that names field and value. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { typesEcho, variableLength } from '../../models/author/fixtures.ts';
import { badRequests, type BadRequest } from '../support/bad-requests.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { Client, json, readInferAnswer, simpleInputs, type Answer } from '../support/requests.ts';
import { startSystem, type System } from '../support/system.ts';

let repository: Repository;
let system: System;
let client: Client;
let pods: readonly number[];

before(async () => {
  repository = await makeRepository({
    zoo: ['simple', 'mlp', 'langid'],
    files: { types: typesEcho(), variable: variableLength() },
  });
  system = await startSystem(['--repository', repository.directory]);
  client = new Client(system.origin);
  pods = system.podPids();
});

after(async () => {
  await client.close();
  assert.equal(await system.stop(), 0);
  await repository.remove();
});

function assertError(answer: Answer, status: number, says: readonly string[]): void {
  assert.equal(answer.status, status, answer.text);
  assert.match(String(answer.headers['content-type']), /^application\/json/);
  const body = JSON.parse(answer.text) as Record<string, unknown>;
  assert.deepEqual(Object.keys(body), ['error']);
  for (const word of says) assert.ok(String(body['error']).includes(word), `no ${word} in: ${answer.text}`);
  assert.ok(answer.text.length < 500, `a message of ${answer.text.length} characters`);
  assert.doesNotMatch(answer.text, /\.[jt]s:\d|node_modules|\n/, 'no stack');
}

async function assertRefused({ method = 'POST', path, payload, status, says }: BadRequest): Promise<void> {
  assertError(await client.send(method, path, payload), status, says);
}

for (const [group, requests] of Object.entries(badRequests)) {
  describe(`refused: ${group}`, () => {
    for (const request of requests) test(request.name, () => assertRefused(request));
  });
}

test('after all of that the same pods serve', async () => {
  assert.deepEqual(system.podPids(), pods);
  const answer = readInferAnswer(await client.infer('simple', json({ inputs: simpleInputs(5) })));
  assert.deepEqual(answer.outputs[0]!.data?.slice(0, 2), [21, 22]);
});
