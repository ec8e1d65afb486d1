import type { Peer } from '../peer.ts';
import { jsonProtocol } from '../protocol.ts';

export const bentoml: Peer = {
  name: 'bentoml',
  title: 'BentoML',
  settings:
    'adaptive batching of up to 64 rows with max_latency_ms 10,000, which only bounds what is refused; two workers (as many as cores), no access log, no metrics. JSON: its other ' +
    'content type is the pickle that its own services exchange.',
  protocols: [
    jsonProtocol(
      (model) => `/${model}`,
      (row) => ({ rows: [row] }),
      (answer) => (answer as unknown[])[0],
    ),
  ],
  launch: ({ folder, port }) => ({
    program: 'bentoml',
    args: ['serve', 'service:Models', '--working-dir', folder, '--host', '127.0.0.1', '--port', String(port)],
    env: { BENTOML_DO_NOT_TRACK: 'True' },
  }),
};
