/**
 * IPC messages between a supervisor and its children, and a `Cluster` for the child that receives them.
 *
 *   supervisor → gateway     {kind: 'view', view}                    the complete view, at each change
 *   child → supervisor       {kind: 'listening', port, adminPort?}   once, when the child accepts connections
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

/** Sends each view of `cluster` to a child. Returns a function that stops it. */
export function publish(child: { send(message: ViewMessage): void }, cluster: Cluster): () => void {
  return cluster.watch((view) => child.send({ kind: 'view', view }));
}

/** Parts of `process` that a child uses. */
interface Channel {
  on(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
}

/**
 * Cluster of the supervisor that started this process. Call only once: Node delivers messages that arrived earlier to the first
 * listener only.
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

/** Checks only `kind`, since the channel is private to a supervisor and a child of the same version. */
function isView(message: unknown): message is ViewMessage {
  return typeof message === 'object' && message !== null && (message as { kind?: unknown }).kind === 'view';
}
