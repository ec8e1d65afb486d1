/** Logs of a real system's processes: JSON, a line for each event, with the ids of the request and none of its body. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { brittle } from '../../models/author/fixtures.ts';
import { makeRepository } from '../support/repository.ts';
import { Client, json, type Answer } from '../support/requests.ts';
import { StandInPod } from '../support/stand-in-pod.ts';
import { startSystem } from '../support/system.ts';

interface Line {
  readonly source: string;
  readonly level: number;
  readonly time: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const secret = 'nobody-may-read-this';
const levels = { info: 30, error: 50 } as const;
const modelFails = { requestId: 'fails-at-the-model', traceId: '1'.repeat(32) };
const podDies = { requestId: 'ends-its-pod', traceId: '2'.repeat(32) };

/** Requests that are answered, refused, fail at a model and end a pod. @returns what was written until the end */
async function linesAt(level: keyof typeof levels): Promise<{ raw: string[]; statuses: number[] }> {
  const mortal = new StandInPod('mortal', ['mortal']);
  mortal.behaviour = { kind: 'mortal', word: 'die' };
  await mortal.start();
  const repository = await makeRepository({ zoo: [], files: { brittle: brittle() } });
  const raw: string[] = [];
  try {
    const specs = {
      models: { models: ['brittle'] },
      others: { models: ['mortal'], requests: { idempotent: false }, endpoints: [mortal.pod.origin!] },
    };
    const pools = path.join(repository.directory, 'pools.yaml');
    const objects = Object.entries(specs).map(([name, spec]) =>
      JSON.stringify({ apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name }, spec }),
    );
    await writeFile(pools, objects.join('\n---\n'));
    const flags = ['--repository', repository.directory, '--pools', pools, '--log-level', level];
    const system = await startSystem(flags, { onLine: (line) => void raw.push(line) });
    const client = new Client(system.origin);
    try {
      const statuses = await requests(client);
      return { raw, statuses };
    } finally {
      await client.close();
      await system.stop();
    }
  } finally {
    mortal.stop();
    await repository.remove();
  }
}

async function requests(client: Client): Promise<number[]> {
  const index = (value: number) => ({
    parameters: { note: secret },
    inputs: [{ name: 'index', datatype: 'INT64', shape: [1], data: [value] }],
  });
  const send = (model: string, body: unknown, ids: { requestId: string; traceId: string } | null): Promise<Answer> => {
    const { headers, ...rest } = json(body);
    const own =
      ids === null ? {} : { 'x-request-id': ids.requestId, traceparent: `00-${ids.traceId}-00f067aa0ba902b7-01` };
    return client.infer(model, { ...rest, headers: { ...headers, ...own } });
  };
  const answers = [
    await send('brittle', index(2), null),
    await send('brittle', `{"inputs": ${secret}`, null),
    await send('brittle', index(9), modelFails),
    await send('mortal', { well: secret }, null),
    await send('mortal', { die: secret }, podDies),
  ];
  return answers.map(({ status }) => status);
}

for (const level of ['info', 'error'] as const)
  test(`from ${level} on`, { timeout: 400_000 }, async () => {
    const { raw, statuses } = await linesAt(level);
    assert.deepEqual(statuses, [200, 400, 500, 200, 502]);
    assert.ok(!raw.some((line) => line.includes(secret)), 'a body was logged');

    // Lines of `sluice up` itself are left out: they are for the person who started it.
    const lines = raw.map((line) => JSON.parse(line) as Line).filter(({ source }) => source !== 'sluice');
    for (const { source, level: is, time, msg, component, podName } of lines) {
      assert.ok(is >= levels[level], `${source}: ${msg}`);
      assert.ok(Number.isFinite(time) && msg.length > 0, `${source}: ${msg}`);
      // Written by the process itself, not made of a line that is no JSON.
      assert.ok(component === source || podName === source, `${source} wrote: ${msg}`);
    }
    const sources = new Set(lines.map(({ source }) => source.replace(/-.*/, '')));
    assert.deepEqual(
      [...sources].toSorted(),
      level === 'info' ? ['gateway', 'models', 'scaler'] : ['gateway', 'models'],
    );

    const of = ({ requestId, traceId }: typeof podDies): string[] =>
      lines
        .filter((line) => line['requestId'] === requestId || line['traceId'] === traceId)
        .map((line) => {
          assert.deepEqual([line['requestId'], line['traceId']], [requestId, traceId], line.msg);
          return `${line.source.replace(/-.*/, '')}: ${line.msg}`;
        });
    assert.deepEqual(of(modelFails), ['models: model failed']);
    assert.deepEqual(of(podDies).toSorted(), ['gateway: request failed', 'gateway: request given up']);
    const withIds = lines.filter((line) => line['requestId'] !== undefined);
    assert.equal(withIds.length, 3, 'a request that did not fail at the server is in no line');
  });
