/** Another inference server, and how it is run here. Its folder has its pinned packages and its app. */
import type { PeerProtocol } from './protocol.ts';

export interface Peer {
  /** Name of the peer's folder. */
  readonly name: string;
  readonly title: string;
  /** Settings and their reasons, for readers who doubt a number. */
  readonly settings: string;
  /** Protocols to measure. JSON comes first, because readiness is probed with it. */
  readonly protocols: readonly [PeerProtocol, ...PeerProtocol[]];
  readonly launch: (at: LaunchPlace) => Launch;
}

export interface LaunchPlace {
  /** Folder of the peer, with `/` at its end. */
  readonly folder: string;
  /** Loopback ports that were free a moment ago: one for HTTP, two for whatever else the peer listens on. */
  readonly port: number;
  readonly otherPorts: readonly [number, number];
}

export interface Launch {
  /** Name of a program in the virtual environment. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}
