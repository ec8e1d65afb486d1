import { fastapi } from './fastapi/peer.ts';
import type { Peer } from './peer.ts';

export const peers: readonly Peer[] = [fastapi];
