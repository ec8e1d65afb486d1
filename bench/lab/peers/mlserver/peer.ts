import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Peer } from '../peer.ts';
import { openInference } from '../protocol.ts';

const shared = fileURLToPath(new URL('../shared', import.meta.url));

export const mlserver: Peer = {
  name: 'mlserver',
  title: 'MLServer',
  settings:
    'adaptive batching of up to 64 requests that waits 5 ms, two workers of parallel inference, a custom runtime with its NumPy codec (it has none for ONNX), orjson, which it uses where it is ' +
    'installed; no gzip, no metrics, no access log. uvloop is 0.21: its workers do not start with a newer one. Its REST has no binary tensors.',
  protocols: [openInference],
  launch: ({ folder, port, otherPorts: [grpcPort, metricsPort] }) => ({
    program: 'mlserver',
    args: ['start', folder],
    env: {
      MLSERVER_HTTP_PORT: String(port),
      MLSERVER_GRPC_PORT: String(grpcPort),
      MLSERVER_METRICS_PORT: String(metricsPort),
      // Python finds runtime.py, which is the same for both models, in the peer's folder.
      PYTHONPATH: [folder, shared].join(path.delimiter),
    },
  }),
};
