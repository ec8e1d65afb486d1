/** Lines of pods of `sluice up`, from its scaler. */
import { setTimeout as delay } from 'node:timers/promises';
import { PodLog } from '../../contract/pod-log.ts';
import { PoolsReport } from '../../contract/scaler-api.ts';
import { ask, AskError } from '../ask-scaler.ts';
import { noSuch, poolOf } from './find-pods.ts';
import type { LogsFlags, LogSink } from './request.ts';

/** Time between two looks for new lines. */
const lookMs = 500;

/** @throws AskError */
export async function showLocal(asked: string, flags: LogsFlags, sink: LogSink): Promise<void> {
  const pods = podsIn(await ask(flags.url, '/api/pools', PoolsReport), asked);
  await Promise.all(pods.map((pod) => showPod(pod, flags, sink)));
}

function podsIn({ pools }: PoolsReport, asked: string): readonly string[] {
  const namesOf = (pool: (typeof pools)[number]): string[] => pool.pods.map(({ name }) => name);
  const wanted = poolOf(asked);
  if (wanted === null) {
    const all = pools.flatMap(namesOf);
    if (!all.includes(asked)) throw noSuch('pod', asked, all);
    return [asked];
  }
  const pool = pools.find(({ name }) => name === wanted);
  if (pool !== undefined) return namesOf(pool);
  throw noSuch(
    'pool',
    wanted,
    pools.map(({ name }) => name),
  );
}

async function showPod(pod: string, { url, follow, tail, previous }: LogsFlags, sink: LogSink): Promise<void> {
  const path = `/api/pods/${encodeURIComponent(pod)}/log`;
  const first = await ask(url, previous === true ? `${path}?previous=true` : path, PodLog);
  const shown = tail === undefined ? first.lines : first.lines.slice(Math.max(0, first.lines.length - tail));
  for (const { text, atMs } of shown) sink.line(pod, text, atMs);
  let { next } = first;
  const isStopped = (): boolean => sink.signal.aborted;
  while (follow === true && previous !== true && !isStopped()) {
    await delay(lookMs, undefined, { signal: sink.signal }).catch(() => undefined);
    if (isStopped()) return;
    try {
      const more = await ask(url, `${path}?from=${next}`, PodLog);
      for (const { text, atMs } of more.lines) sink.line(pod, text, atMs);
      ({ next } = more);
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
      // The pod is gone, or the system that ran it.
      process.stderr.write(`sluice: ${error.message}\n`);
      return;
    }
  }
}
