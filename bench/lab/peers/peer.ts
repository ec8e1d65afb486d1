/** A server that others wrote, and how it is run here. Its folder has the pinned packages and its app. */
import type { PeerProtocol } from './protocol.ts';

export interface Peer {
  /** Of its folder. */
  readonly name: string;
  readonly title: string;
  /** What was set and why, for who doubts a number. */
  readonly settings: string;
  /** JSON first: readiness is asked for with it. */
  readonly protocols: readonly [PeerProtocol, ...PeerProtocol[]];
  readonly launch: (at: LaunchPlace) => Launch;
}

export interface LaunchPlace {
  /** Of the peer, with `/` at its end. */
  readonly folder: string;
  /** On loopback, free a moment ago: for HTTP, and for what else the peer insists to listen on. */
  readonly port: number;
  readonly otherPorts: readonly [number, number];
}

export interface Launch {
  /** In the virtual environment. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}
