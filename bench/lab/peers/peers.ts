import { fastapi } from './fastapi/peer.ts';
import { mlserver } from './mlserver/peer.ts';
import { litserve } from './litserve/peer.ts';
import { bentoml } from './bentoml/peer.ts';
import { rayServe } from './ray-serve/peer.ts';
import type { Peer } from './peer.ts';

export const peers: readonly Peer[] = [fastapi, mlserver, litserve, bentoml, rayServe];
