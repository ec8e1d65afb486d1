/** Latency of a good client: requests on schedule, each counted from the time at which it was due. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../support/requests.ts';
import { json, readInferAnswer, simpleInputs } from '../support/requests.ts';

export interface GoodClient {
  /** 99th percentile in milliseconds. */
  readonly p99Ms: number;
  readonly sent: number;
  readonly failures: readonly string[];
}

export async function measureGood(client: Client, ms: number, perSecond: number): Promise<GoodClient> {
  const latenciesMs: number[] = [];
  const failures: string[] = [];
  const startMs = performance.now();
  const all: Promise<void>[] = [];
  const count = Math.round((ms / 1000) * perSecond);
  const ask = async (index: number, dueMs: number): Promise<void> => {
    try {
      readInferAnswer(await client.infer('simple', json({ inputs: simpleInputs(index % 100) })));
      latenciesMs.push(performance.now() - dueMs);
    } catch (error) {
      failures.push(String(error).slice(0, 200));
    }
  };
  for (let index = 0; index < count; index += 1) {
    const dueMs = startMs + (index * 1000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 1) await delay(waitMs);
    all.push(ask(index, dueMs));
  }
  await Promise.all(all);
  const sorted = latenciesMs.toSorted((one, other) => one - other);
  return { p99Ms: sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Infinity, sent: count, failures };
}
