import type { Peer } from '../peer.ts';
import { instances, rawFloats } from '../protocol.ts';

const path = (model: string): string => `/${model}`;

export const rayServe: Peer = {
  name: 'ray-serve',
  title: 'Ray Serve',
  settings:
    'the throughput mode of its guide (HAProxy in front, replicas that speak HTTP themselves, no user thread), 2 threads of HAProxy, two replicas of a core each with both models, ' +
    '`@serve.batch` of up to 64 rows that waits 5 ms, max_ongoing_requests 256 so that batches can fill, no access log, no dashboard; orjson reads and writes. ' +
    'Binary: the bare floats of a row, both ways.',
  protocols: [instances(path), rawFloats(path)],
  launch: ({ folder, port }) => ({
    program: 'python',
    args: [`${folder}server.py`, String(port)],
    env: {
      RAY_USAGE_STATS_ENABLED: '0',
      RAY_SERVE_ENABLE_HA_PROXY: '1',
      RAY_SERVE_THROUGHPUT_OPTIMIZED: '1',
      RAY_SERVE_HAPROXY_NBTHREAD: '2',
    },
  }),
};
