/**
 * What a supervisor and its children say to one another over their IPC channel, and the child's end as a `Cluster`.
 *
 *   supervisor → gateway     {kind: 'view', view}                    at each change, the whole view
 *   child → supervisor       {kind: 'listening', port, adminPort?}   once, when it accepts connections
 */
import Type from 'typebox';
import { Check } from 'typebox/value';
import type { Cluster, ClusterView } from '../port.ts';

export interface ViewMessage {
  readonly kind: 'view';
  readonly view: ClusterView;
}

const Port = Type.Integer({ minimum: 1, maximum: 65535 });
export const ListeningMessage = Type.Object({
  kind: Type.Literal('listening'),
  port: Port,
  adminPort: Type.Optional(Port),
});
export type ListeningMessage = Type.Static<typeof ListeningMessage>;

export function isListening(message: unknown): message is ListeningMessage {
  return Check(ListeningMessage, message);
}

/** Sends each view of `cluster` to a child. Returns the way to stop. */
export function publish(child: { send(message: ViewMessage): void }, cluster: Cluster): () => void {
  return cluster.watch((view) => child.send({ kind: 'view', view }));
}

/** The part of `process` that a child needs. */
interface Channel {
  on(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
}

/**
 * The cluster as the supervisor that started this process sees it. Call it once: what the supervisor sent before is
 * kept for the first listener only.
 */
export function connectToSupervisor(channel: Channel = process): Cluster {
  const listeners = new Set<(view: ClusterView) => void>();
  let latest: ClusterView | undefined;
  const receive = (message: unknown) => {
    if (!isView(message)) return;
    latest = message.view;
    for (const listener of listeners) listener(latest);
  };
  channel.on('message', receive);
  return {
    watch: (listener) => {
      listeners.add(listener);
      if (latest !== undefined) listener(latest);
      return () => listeners.delete(listener);
    },
    close: () => {
      listeners.clear();
      channel.off('message', receive);
      return Promise.resolve();
    },
  };
}

/** The channel is private to supervisor and child, both of this version: the kind alone tells. */
function isView(message: unknown): message is ViewMessage {
  return typeof message === 'object' && message !== null && (message as { kind?: unknown }).kind === 'view';
}
