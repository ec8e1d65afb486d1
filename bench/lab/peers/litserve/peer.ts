import type { Peer } from '../peer.ts';
import { jsonProtocol } from '../protocol.ts';

export const litserve: Peer = {
  name: 'litserve',
  title: 'LitServe',
  settings:
    'max_batch_size 64, batch_timeout 5 ms, two workers for each model (as many as cores) and two API servers, fast_queue (ZeroMQ between them), no access log. Each model has workers ' +
    'of its own, which poll their queues also when nobody asks. JSON only: what is no form is parsed as JSON.',
  protocols: [
    jsonProtocol(
      (model) => `/${model}`,
      (row) => ({ input: row }),
      (answer) => (answer as { output?: unknown }).output,
    ),
  ],
  launch: ({ folder, port }) => ({ program: 'python', args: [`${folder}server.py`, String(port)] }),
};
