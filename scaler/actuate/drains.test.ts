/** Drains on a view that lags behind the writes: the pod is told right, whatever mark the view shows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { ScalableCluster, ScalerPod } from '../../cluster/scalable.ts';
import { ScalerMetrics } from '../metrics.ts';
import { Drains } from './drains.ts';
import { Operations } from './operations.ts';
import type { PodCalls } from './pod-calls.ts';
import type { VersionCalls } from './version-calls.ts';

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
  endGraceMs: 30_000,
  version: '1',
};
const wanted = new Map([['p', 'scale-down']] as const);
const nobody = new Map<string, 'scale-down'>();

function drainsOf() {
  /** Calls and writes that were made, in order. */
  const made: string[] = [];
  const operations = new Operations();
  const cluster = {
    leadership: () => ({ leading: true, holder: 'a', group: 'test/scaler', transitions: 1 }),
    markDraining: (_: ScalerPod, owner: string | null) => {
      made.push(`mark ${String(owner)}`);
      return Promise.resolve({ kind: 'done' as const });
    },
  } as Partial<ScalableCluster> as ScalableCluster;
  const calls = {
    drain: () => {
      made.push('POST');
      return Promise.resolve({ kind: 'done' as const });
    },
    resume: () => {
      made.push('DELETE');
      return Promise.resolve({ kind: 'done' as const });
    },
    probe: () => Promise.resolve({ kind: 'status' as const, state: 'draining' as const, inFlight: 0 }),
  } as Partial<PodCalls> as PodCalls;
  const clock = { wallMs: () => 0, steadyMs: () => 0 };
  const log = pino({ level: 'silent' });
  const metrics = new ScalerMetrics('test', { refused: 0, accepted: 0 });
  const versionCalls = {} as VersionCalls;
  const context = { pool: 'm', cluster, calls, versionCalls, operations, clock, metrics, log, wake: () => undefined };
  const drains = new Drains(context, { drainEnded: () => undefined, drainLapsed: () => undefined });
  const cycle = async (wants: ReadonlyMap<string, 'scale-down'>, draining: string | null): Promise<void> => {
    drains.reconcile(wants, [{ ...pod, draining }]);
    await operations.idle();
  };
  return { made, cycle };
}

test('a pod that was told while the view showed an old mark is told to resume once its drain is cancelled', async () => {
  const { made, cycle } = drainsOf();
  await cycle(wanted, null);
  await cycle(wanted, '1');
  await cycle(nobody, '1');
  assert.deepEqual(made.splice(0), ['mark 1', 'POST', 'DELETE', 'mark null']);
  // The drain starts again; the view still shows the mark that was taken off.
  await cycle(wanted, '1');
  await cycle(nobody, null);
  assert.deepEqual(made.splice(0), ['mark 1', 'POST', 'DELETE']);
  await cycle(nobody, null);
  assert.deepEqual(made, []);
});
