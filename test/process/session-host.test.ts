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
  const ended: string[] = [];
  const [byThree, byTwo] = [atStart(three, 10), atStart(two, 10)];
  const next = atStart(five, 10).then((outcome) => {
    ended.push('five');
    return outcome;
  });
  void byThree.then(() => ended.push('three'));
  assert.deepEqual([valueOf(await byThree), valueOf(await byTwo), valueOf(await next)], [30, 20, 50]);
  assert.deepEqual(ended, ['three', 'five'], 'a thread has one run at a time');
  assert.equal(host.busy, false);

  host.release(three);
  const request = (session: number, value: number): Promise<RunOutcome> =>
    new Promise((resolve) => host.run(session, signature, [rowOf(value)], 1, resolve));
  const byFive = request(five, 10);
  assert.equal(host.busy, true);
  assert.throws(() => host.run(two, signature, [rowOf(1)], 1, () => undefined), /a run is in progress/);
  assert.equal(valueOf(await byFive), 50, 'the neighbour of a released session goes on');
  assert.equal(valueOf(await request(two, 10)), 20);
  await assert.rejects(request(three, 10), TypeError, 'a released session is gone');
  await host.close();
  assert.deepEqual(lost, []);
});

test('a load in service has a thread of its own while there are few, and keeps no run waiting', async (t) => {
  const lost: Error[] = [];
  const host = new SessionHost({ runLimitMs: 600_000, onStuck: () => undefined, onLost: (error) => lost.push(error) });
  t.after(() => host.close());
  const options = { threads: 1, delayRunMs: 0, delayRowMs: 0 };
  const { session: served } = await host.load(await fileOf(2), options);
  const request = (session: number, value: number): Promise<RunOutcome> =>
    new Promise((resolve) => host.run(session, signature, [rowOf(value)], 1, resolve));
  const besides: number[] = [];
  // More than have a thread of their own: the last ones share one, and their runs take turns.
  for (let factor = 1; factor <= 15; factor += 1) {
    const { session } = await host.loadBeside(await fileOf(factor), options);
    besides.push(session);
    const warmed = host.runAtStart({ session, signature, undelayed: true }, [rowOf(1)], 1);
    assert.equal(host.busy, false, 'a run of a load keeps no request waiting');
    assert.equal(valueOf(await request(served, factor)), 2 * factor);
    assert.equal(valueOf(await warmed), factor);
  }
  const shared = besides.at(-1)!;
  const warmed = host.runAtStart({ session: shared, signature, undelayed: true }, [rowOf(1)], 1);
  assert.equal(valueOf(await request(shared, 2)), 30, 'a request waits for a run of a load in its own thread');
  assert.equal(valueOf(await warmed), 15);
  // Threads that were started for loads end with their last session; the one of the start stays.
  for (const session of besides) host.release(session);
  assert.equal(valueOf(await request(served, 1)), 2);
  const again = await host.loadBeside(await fileOf(7), options);
  assert.equal(valueOf(await request(again.session, 1)), 7);
  assert.deepEqual(lost, []);
});

test('a session that is released while the host closes is released once', async () => {
  const lost: Error[] = [];
  const host = new SessionHost({ runLimitMs: 600_000, onStuck: () => undefined, onLost: (error) => lost.push(error) });
  const { session } = await host.load(await fileOf(2), { threads: 1, delayRunMs: 0, delayRowMs: 0 });
  const closed = host.close();
  host.release(session);
  await closed;
  assert.deepEqual(lost, []);
});
