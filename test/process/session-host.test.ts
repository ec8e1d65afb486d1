import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { multiplier } from '../../models/author/fixtures.ts';
import { SessionHost } from '../../models/session/session-host.ts';
import type { RunOutcome } from '../../models/session/session-thread.ts';
import type { Signature, Tensors } from '../../models/tensor.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'sluice-host-'));
after(() => rm(folder, { recursive: true }));

async function fileOf(factor: number): Promise<string> {
  const file = path.join(folder, `times-${factor}.onnx`);
  await writeFile(file, multiplier(factor));
  return file;
}

const signature: Signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1], batchAxis: 0 }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1], batchAxis: 0 }],
};
const rowOf = (value: number): Tensors =>
  new Map([['x', { datatype: 'FP32' as const, shape: [1, 1], data: Float32Array.of(value) }]]);

function valueOf(outcome: RunOutcome): number {
  assert.ok(outcome.kind === 'ran');
  return (outcome.outputs.get('y')!.data as Float32Array)[0]!;
}

test('threads run side by side at the start, and one at a time for requests', async (t) => {
  const lost: Error[] = [];
  const host = new SessionHost({
    runLimitMs: 600_000,
    onStuck: () => undefined,
    onLost: (error) => lost.push(error),
  });
  t.after(() => host.close());
  const load = async (factor: number, thread: number): Promise<number> => {
    const loaded = await host.load(await fileOf(factor), { threads: 1, delayRunMs: 20, delayRowMs: 0 }, thread);
    return loaded.session;
  };
  // The last thread comes first, as it may where models take differently long to read.
  const [three, two, five] = [await load(3, 2), await load(2, 0), await load(5, 2)];
  assert.equal(new Set([three, two, five]).size, 3, 'sessions of different threads have different numbers');

  const atStart = (session: number, value: number): Promise<RunOutcome> =>
    host.runAtStart({ session, signature, undelayed: false }, [rowOf(value)], 1);
  const [byThree, byTwo] = [atStart(three, 10), atStart(two, 10)];
  assert.throws(() => void atStart(five, 10), /a run is in progress/, 'the thread of `three` is taken');
  assert.throws(() => host.run(two, signature, [rowOf(1)], 1, () => undefined), /a run is in progress/);
  assert.deepEqual([valueOf(await byThree), valueOf(await byTwo)], [30, 20]);
  assert.equal(host.busy, false);

  host.release(three);
  const request = (session: number, value: number): Promise<RunOutcome> =>
    new Promise((resolve) => host.run(session, signature, [rowOf(value)], 1, resolve));
  const byFive = request(five, 10);
  assert.equal(host.busy, true);
  assert.throws(() => host.run(two, signature, [rowOf(1)], 1, () => undefined), /a run is in progress/);
  assert.equal(valueOf(await byFive), 50, 'the neighbour of a released session goes on');
  assert.equal(valueOf(await request(two, 10)), 20);
  const afterRelease = await request(three, 10);
  assert.equal(afterRelease.kind, 'failed', 'a released session is gone');
  await host.close();
  assert.deepEqual(lost, []);
});
