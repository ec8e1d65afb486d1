/**
 * 50 pools of 10 pods: one gateway and one scaler keep up with the start of 500 pods, a minute of load and drains in 10
 * of the pools, without a failed request. What they take is measured: docs/kubernetes.md has it.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadReport } from '../../contract/load-report.ts';
import type { PoolsReport } from '../../contract/scaler-api.ts';
import { skip as skipAll } from './support/adapter.ts';
import type { ApiGate } from './support/api-gate.ts';
import { Crowd, servingPods } from './support/crowd.ts';
import type { HostProcess } from './support/host-process.ts';
import { until } from './support/kubectl.ts';

const pools = Array.from({ length: 50 }, (_, index) => `pool-${index}`);
/** Patience for a machine that is starved, or slow. */
const patienceMs = 300_000;
const minuteMs = 60_000;
const requestsPerS = 50;
const skip = skipAll || (process.platform !== 'linux' && 'only on Linux all of 127.0.0.0/8 is this machine');

describe('50 pools of 10 pods', { skip }, () => {
  let crowd: Crowd | undefined;
  let gateway: { gate: ApiGate; process: HostProcess };
  let scaler: { gate: ApiGate; process: HostProcess };
  const answers = new Map<string, number>();
  let load: NodeJS.Timeout | undefined;
  let waiting = 0;

  before(async () => {
    crowd = await Crowd.start();
    gateway = await crowd.process('gateway');
    scaler = await crowd.process('scaler');
  });
  after(async () => {
    clearInterval(load);
    await crowd?.close();
  });

  /** Each pool in turn. A client that finds the gateway slow sends all the same. */
  function startLoad(): void {
    let sent = 0;
    load = setInterval(() => {
      const model = pools[(sent += 1) % pools.length]!;
      waiting += 1;
      void ask(model).then((said) => {
        waiting -= 1;
        answers.set(said, (answers.get(said) ?? 0) + 1);
      });
    }, 1000 / requestsPerS);
  }

  async function ask(model: string): Promise<string> {
    try {
      const response = await fetch(`${gateway.process.origin}/v2/models/${model}/infer`, {
        method: 'POST',
        body: `{"of":"${model}"}`,
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(60_000),
      });
      const text = await response.text();
      // A stand-in answers with what it got.
      return response.status === 200 && text === `{"of":"${model}"}` ? 'right' : `${response.status} ${text}`;
    } catch (error) {
      return (error as Error).message;
    }
  }

  const loadReport = (): Promise<LoadReport> => gateway.process.json<LoadReport>('/load');
  const poolsReport = (): Promise<PoolsReport> => scaler.process.json<PoolsReport>('/api/pools');

  async function settled(count: number): Promise<void> {
    await until(`the gateway to send to ${count} pods`, patienceMs, async () =>
      servingPods(await loadReport()) === count ? true : null,
    );
    await until(`the scaler to see ${count} ready pods and none that goes`, patienceMs, async () => {
      const report = await poolsReport();
      const ready = report.pools.reduce((sum, { readyReplicas }) => sum + readyReplicas, 0);
      const all = report.pools.reduce((sum, { pods }) => sum + pods.length, 0);
      return ready === count && all === count ? true : null;
    });
  }

  test('500 pods start', async (t) => {
    const startedMs = performance.now();
    await crowd!.apply(pools, { minReplicas: 10, maxReplicas: 10 });
    const appliedMs = performance.now();
    await settled(500);
    const seconds = (ms: number): string => (ms / 1000).toFixed(1);
    t.diagnostic(
      `applied in ${seconds(appliedMs - startedMs)} s, 500 pods serve ${seconds(performance.now() - appliedMs)} s later`,
    );
  });

  test('a minute under load: what gateway and scaler ask of the API server, and take of the machine', async (t) => {
    startLoad();
    // The first statuses under load are not of the minute.
    await sleep(10_000);
    const before = await Promise.all([gateway, scaler].map(measured));
    const startedMs = performance.now();
    for (const { gate } of [gateway, scaler]) gate.counts.clear();
    await sleep(minuteMs);
    const minutes = (performance.now() - startedMs) / minuteMs;
    const after = await Promise.all([gateway, scaler].map(measured));
    const requests = [gateway, scaler].map(({ gate }) => perMinute(gate.counts, minutes));
    const cores = [0, 1].map((index) => (after[index]!.cpuS - before[index]!.cpuS) / (60 * minutes));
    for (const [index, name] of ['gateway', 'scaler'].entries()) {
      t.diagnostic(
        `${name}: ${Math.round(after[index]!.memoryBytes / 2 ** 20)} MiB, ${(100 * cores[index]!).toFixed(1)}% of a core, ` +
          `${requests[index]!.total} API requests/min: ${JSON.stringify(requests[index]!.byWhat)}`,
      );
    }

    // A process that uses less than half a core keeps up; CPU time counts, since a starved machine stretches real time.
    assert.ok(
      cores.every((taken) => taken < 0.5),
      `cores: ${cores.join(', ')}`,
    );
    // Watched objects are not requested again. A quiet watch ends after 40 to 60 s; a lease is written every 2 s.
    assert.ok(requests[0]!.total <= 10, 'the gateway only watches');
    // At most a status every 5 s for each pool.
    assert.ok(requests[1]!.total <= 12 * pools.length + 60, 'the scaler');
    for (const { memoryBytes } of after) assert.ok(memoryBytes <= 250 * 2 ** 20, `${memoryBytes} bytes resident`);
  });

  test('10 pools give up two pods each, by drains, and no request fails', async (t) => {
    const startedMs = performance.now();
    await crowd!.apply(pools.slice(0, 10), { minReplicas: 8, maxReplicas: 8 });
    await settled(480);
    t.diagnostic(`20 pods were gone ${((performance.now() - startedMs) / 1000).toFixed(1)} s after they were told`);
    clearInterval(load);
    await until('the last answers', 60_000, () => (waiting === 0 ? true : null));
    t.diagnostic(JSON.stringify([...answers]));
    assert.deepEqual([...answers.keys()], ['right']);
    assert.ok(answers.get('right')! > 0.5 * requestsPerS * (minuteMs / 1000));
  });
});

async function measured({ process: measuredOne }: { process: HostProcess }) {
  const scrape = await measuredOne.metrics();
  return {
    memoryBytes: scrape.value('process_resident_memory_bytes'),
    cpuS: scrape.value('process_cpu_seconds_total'),
  };
}

function perMinute(counts: ReadonlyMap<string, number>, minutes: number) {
  const byWhat = Object.fromEntries([...counts].toSorted().map(([what, count]) => [what, Math.round(count / minutes)]));
  return { total: Object.values(byWhat).reduce((sum, count) => sum + count, 0), byWhat };
}
