/**
 * The interface of cluster/scalable.ts over the IPC channel between a supervisor and its scaler process.
 *
 *   supervisor → scaler   {kind: 'scaler-view', view, leadership, statuses}   at each change and every second
 *   scaler → supervisor   {kind: 'scaler-call', id, method, args}             a write, a question for lines, or an event
 *   supervisor → scaler   {kind: 'scaler-result', id, result}                 the result of a write, or the lines of a pod
 */
import type { PodLog, PodLogQuery } from '../../contract/pod-log.ts';
import type { PoolStatus } from '../../contract/pool-status.ts';
import type { Leadership, PoolEvent, ScalableCluster, ScalerView, WriteResult } from '../scalable.ts';
import type { LocalScaling } from './scaling.ts';

interface ScalerViewMessage {
  readonly kind: 'scaler-view';
  readonly view: ScalerView;
  readonly leadership: Leadership;
  readonly statuses: Readonly<Record<string, PoolStatus>>;
}
interface ScalerResultMessage {
  readonly kind: 'scaler-result';
  readonly id: number;
  readonly result: Result;
}
/** Lines of a pod, or null without any. */
type LogResult = { readonly kind: 'log'; readonly log: PodLog | null };
type Result = WriteResult | LogResult;
const writes = ['scale', 'markDraining', 'setDeletionCost', 'evict', 'kill', 'writeStatus'] as const;
type Write = (typeof writes)[number];
interface ScalerCallMessage {
  readonly kind: 'scaler-call';
  readonly id: number;
  readonly method: Write | 'emit' | 'readLog';
  readonly args: readonly unknown[];
}

/**
 * Serves one scaler process from `scaling`.
 * @param transitions number of scaler processes so far, this one included, each of which is a change of leadership
 * @returns the receiver of the child's messages, and a function that stops serving
 */
export function serveScaler(
  child: { send(message: object): void },
  scaling: LocalScaling,
  transitions: number,
): { readonly receive: (message: unknown) => void; readonly stop: () => void } {
  const leadership = { ...scaling.leadership(), transitions };
  const stop = scaling.watchAll((view) => {
    const statuses = Object.fromEntries(scaling.statuses);
    child.send({ kind: 'scaler-view', view, leadership, statuses } satisfies ScalerViewMessage);
  });
  return {
    stop,
    receive: (message) => {
      if (!isOf<ScalerCallMessage>(message, 'scaler-call')) return;
      const { id, method, args } = message;
      if (method === 'emit') return scaling.emit(args[0] as PoolEvent);
      const answer = (result: Result): void =>
        child.send({ kind: 'scaler-result', id, result } satisfies ScalerResultMessage);
      if (method === 'readLog') {
        return void scaling
          .readLog(args[0] as string, args[1] as PodLogQuery)
          .then((log) => answer({ kind: 'log', log }));
      }
      if (!writes.includes(method)) return;
      const call = scaling[method].bind(scaling) as (...args: readonly unknown[]) => Promise<WriteResult>;
      void call(...args).then(answer);
    },
  };
}

type Send = (message: object, handle: undefined, options: undefined, done: (error: Error | null) => void) => unknown;

/** Parts of `process` that a scaler uses. */
interface Channel {
  on(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown;
  off(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown;
  send?: Send | undefined;
}

/** Timeout of a write to the supervisor. */
const answerTimeoutMs = 10_000;

/** Cluster of the supervisor that started this scaler. Call only once. */
export function connectScaler(channel: Channel = process): ScalableCluster {
  const listeners = new Set<(view: ScalerView) => void>();
  const pending = new Map<number, (result: Result) => void>();
  let latest: ScalerViewMessage | undefined;
  let calls = 0;

  const receive = (message: unknown): void => {
    if (isOf<ScalerViewMessage>(message, 'scaler-view')) {
      latest = message;
      for (const listener of listeners) listener(message.view);
    } else if (isOf<ScalerResultMessage>(message, 'scaler-result')) {
      pending.get(message.id)?.(message.result);
    }
  };
  const gone = (): void => {
    for (const settle of pending.values()) settle({ kind: 'failed', detail: 'the supervisor is gone' });
  };
  channel.on('message', receive);
  channel.on('disconnect', gone);

  const call = (method: Write | 'readLog', args: readonly unknown[]): Promise<Result> =>
    new Promise((resolve) => {
      const id = (calls += 1);
      const settle = (result: Result): void => {
        clearTimeout(limit);
        pending.delete(id);
        resolve(result);
      };
      const limit = setTimeout(
        () => settle({ kind: 'failed', detail: `no answer from the supervisor within ${answerTimeoutMs} ms` }),
        answerTimeoutMs,
      );
      pending.set(id, settle);
      send({ kind: 'scaler-call', id, method, args }, gone);
    });
  const write =
    (method: Write) =>
    (...args: readonly unknown[]): Promise<WriteResult> =>
      call(method, args) as Promise<WriteResult>;
  const send = (message: ScalerCallMessage, onFailure: () => void): void => {
    if (channel.send === undefined) return onFailure();
    channel.send(message, undefined, undefined, (error) => {
      if (error !== null) onFailure();
    });
  };

  return {
    watchAll: (listener) => {
      listeners.add(listener);
      if (latest !== undefined) listener(latest.view);
      return () => listeners.delete(listener);
    },
    leadership: () => latest?.leadership ?? { leading: false, holder: null, group: '', transitions: 0 },
    scale: write('scale'),
    markDraining: write('markDraining'),
    setDeletionCost: write('setDeletionCost'),
    evict: write('evict'),
    kill: write('kill'),
    writeStatus: write('writeStatus'),
    emit: (event) => {
      send({ kind: 'scaler-call', id: 0, method: 'emit', args: [event] }, () => undefined);
    },
    statusOf: (pool) => latest?.statuses[pool] ?? null,
    readLog: async (...args) => {
      const result = await call('readLog', args);
      return result.kind === 'log' ? result.log : null;
    },
    close: () => {
      listeners.clear();
      gone();
      channel.off('message', receive);
      channel.off('disconnect', gone);
      return Promise.resolve();
    },
  };
}

/** Checks only `kind`, since the channel is private to a supervisor and a child of the same version. */
function isOf<Message extends { readonly kind: string }>(message: unknown, kind: Message['kind']): message is Message {
  return typeof message === 'object' && message !== null && (message as { kind?: unknown }).kind === kind;
}
