/**
 * The port of cluster/scalable.ts over the channel between a supervisor and its scaler process.
 *
 *   supervisor → scaler   {kind: 'scaler-view', view, leadership, statuses}   at each change and each second
 *   scaler → supervisor   {kind: 'scaler-call', id, method, args}             a write, or an event
 *   supervisor → scaler   {kind: 'scaler-result', id, result}                 what became of it
 */
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
  readonly result: WriteResult;
}
const writes = ['scale', 'markDraining', 'setDeletionCost', 'evict', 'kill', 'writeStatus'] as const;
type Write = (typeof writes)[number];
interface ScalerCallMessage {
  readonly kind: 'scaler-call';
  readonly id: number;
  readonly method: Write | 'emit';
  readonly args: readonly unknown[];
}

/**
 * Serves one scaler process from `scaling`.
 * @param transitions scaler processes that there were, this one included: the lease changes hands with each
 * @returns what takes the child's messages, and the way to stop
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
      if (!writes.includes(method)) return;
      const call = scaling[method].bind(scaling) as (...args: readonly unknown[]) => Promise<WriteResult>;
      void call(...args).then((result) =>
        child.send({ kind: 'scaler-result', id, result } satisfies ScalerResultMessage),
      );
    },
  };
}

type Send = (message: object, handle: undefined, options: undefined, done: (error: Error | null) => void) => unknown;

/** The part of `process` that a scaler needs. */
interface Channel {
  on(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown;
  off(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown;
  send?: Send | undefined;
}

/** A supervisor that has not answered by then never will. */
const answerLimitMs = 10_000;

/** The cluster as the supervisor that started this scaler has it. Call it once. */
export function connectScaler(channel: Channel = process): ScalableCluster {
  const listeners = new Set<(view: ScalerView) => void>();
  const pending = new Map<number, (result: WriteResult) => void>();
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

  const write =
    (method: Write) =>
    (...args: readonly unknown[]): Promise<WriteResult> =>
      new Promise((resolve) => {
        const id = (calls += 1);
        const settle = (result: WriteResult): void => {
          clearTimeout(limit);
          pending.delete(id);
          resolve(result);
        };
        const limit = setTimeout(
          () => settle({ kind: 'failed', detail: `no answer of the supervisor in ${answerLimitMs} ms` }),
          answerLimitMs,
        );
        pending.set(id, settle);
        send({ kind: 'scaler-call', id, method, args }, gone);
      });
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
    leadership: () => latest?.leadership ?? { leading: false, holder: null, transitions: 0 },
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
    close: () => {
      listeners.clear();
      gone();
      channel.off('message', receive);
      channel.off('disconnect', gone);
      return Promise.resolve();
    },
  };
}

/** The channel is private to supervisor and child, both of this version: the kind alone tells. */
function isOf<Message extends { readonly kind: string }>(message: unknown, kind: Message['kind']): message is Message {
  return typeof message === 'object' && message !== null && (message as { kind?: unknown }).kind === kind;
}
