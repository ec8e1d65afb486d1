import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SluiceMeter } from './sluice-meter.ts';

/** Metrics of a gateway with two pools: two pods serve `m`, and five serve other models. */
const metrics = (runs: number) => `sluice_build_info{version="1"} 1
sluice_requests_shed_total{pool="a",model="m",reason="overloaded"} ${runs}
sluice_requests_shed_total{pool="b",model="n",reason="overloaded"} 90
sluice_batch_rows_sum{pool="a",model="m"} ${8 * runs}
sluice_batch_rows_count{pool="a",model="m"} ${runs}
sluice_batch_rows_sum{pool="b",model="n"} 700
sluice_batch_rows_count{pool="b",model="n"} 700
sluice_pods{pool="a",state="serving"} 2
sluice_pods{pool="a",state="ejected"} 1
sluice_pods{pool="b",state="serving"} 5
`;

test('only the pool of the model counts', async (t) => {
  let runs = 0;
  const server = createServer((_request, response) => {
    response.end(metrics((runs += 10)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const meter = await SluiceMeter.start(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`, 'm');
  await meter!.restart();
  const before = runs;
  while (meter!.seconds[0] === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  const [second] = meter!.seconds;
  assert.deepEqual(second, { second: 0, meanBatch: 8, pods: 2, shed: 10 });
  const total = await meter!.stop();
  assert.deepEqual(total, { meanBatch: 8, shed: runs - before });
  server.closeAllConnections();
});
