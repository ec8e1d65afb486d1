/** What a pod is told of its drain, whatever the view shows of the mark meanwhile: it lags behind the writes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { ScalableCluster, ScalerPod } from '../../cluster/scalable.ts';
import { Drains } from './drains.ts';
import { Operations } from './operations.ts';
import type { PodCalls } from './pod-calls.ts';

const pod: ScalerPod = {
  uid: 'p',
  name: 'pod-p',
  pool: 'm',
  phase: 'Ready',
  origin: 'http://p',
  restarts: 0,
  createdAtMs: 0,
  readyAtMs: 0,
  reason: null,
  draining: null,
  deletionCost: 0,
  crashLooping: false,
  version: '1',
};
const wanted = new Map([['p', 'shrink']] as const);
const nobody = new Map<string, 'shrink'>();

function drainsOf() {
  const said: string[] = [];
  const operations = new Operations();
  const cluster = {
    leadership: () => ({ leading: true, holder: 'a', transitions: 1 }),
    markDraining: (_: ScalerPod, owner: string | null) => {
      said.push(`mark ${String(owner)}`);
      return Promise.resolve({ kind: 'done' as const });
    },
  } as Partial<ScalableCluster> as ScalableCluster;
  const calls = {
    drain: (_: string, on: boolean) => {
      said.push(on ? 'POST' : 'DELETE');
      return Promise.resolve({ kind: 'done' as const });
    },
    probe: () => Promise.resolve({ kind: 'status' as const, state: 'draining' as const, inFlight: 0 }),
  } as Partial<PodCalls> as PodCalls;
  const clock = { wallMs: () => 0, steadyMs: () => 0 };
  const log = pino({ level: 'silent' });
  const drains = new Drains({
    pool: 'm',
    cluster,
    calls,
    operations,
    clock,
    log,
    wake: () => undefined,
    onEnd: () => undefined,
  });
  const look = async (wants: ReadonlyMap<string, 'shrink'>, draining: string | null): Promise<void> => {
    drains.reconcile(wants, [{ ...pod, draining }]);
    await operations.idle();
  };
  return { said, look };
}

test('told on a mark that is off already, and then not wanted: it is told to go on', async () => {
  const { said, look } = drainsOf();
  await look(wanted, null);
  await look(wanted, '1');
  await look(nobody, '1');
  assert.deepEqual(said.splice(0), ['mark 1', 'POST', 'DELETE', 'mark null']);
  // Wanted again; the view still shows the mark that was taken off.
  await look(wanted, '1');
  await look(nobody, null);
  assert.deepEqual(said.splice(0), ['POST', 'DELETE']);
  await look(nobody, null);
  assert.deepEqual(said, []);
});
