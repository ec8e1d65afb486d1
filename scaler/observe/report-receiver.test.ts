/** Report receiver on real sockets: gateways that report, fall silent, send invalid lines, restart and return. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { LoadReport } from '../../contract/load-report.ts';
import type { GatewayMember } from '../../cluster/scalable.ts';
import { realClock, type Clock } from '../clock.ts';
import { ReportReceiver, parseReport } from './report-receiver.ts';
import { SharedSecret } from '../../runtime/http/shared-secret.ts';
import { HttpClient } from '../http-client.ts';
import { freePort } from '../../test/support/free-port.ts';
import { World } from '../testing/world.ts';

interface StandIn {
  readonly origin: string;
  readonly server: Server;
  /** Open streams, oldest first. */
  readonly readers: ServerResponse[];
}

/** A gateway's admin port whose stream the test writes. */
async function standInGateway(t: TestContext, port = 0): Promise<StandIn> {
  const readers: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url !== '/load/stream') return void response.writeHead(404).end();
    response.writeHead(200);
    response.flushHeaders();
    readers.push(response);
    response.on('close', () => readers.splice(readers.indexOf(response), 1));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, readers };
}

function follow(t: TestContext, clock: Clock = realClock) {
  const http = new HttpClient(new SharedSecret());
  const reports: string[] = [];
  let urgent = 0;
  const events = {
    onReport: (result: string, detail: string | null) =>
      reports.push(detail === null ? result : `${result}: ${detail}`),
    onUrgent: () => (urgent += 1),
  };
  const receiver = new ReportReceiver({ http, clock, random: () => 0, events });
  t.after(async () => {
    receiver.close();
    await http.close();
  });
  return { receiver, reports, urgent: () => urgent };
}

const member = (adminOrigin: string | null, uid = 'g'): GatewayMember => ({
  uid,
  name: uid,
  adminOrigin,
  wasReady: true,
  terminating: false,
  createdAtMs: 0,
});
function report(sequence: number, more: Partial<LoadReport> = {}): LoadReport {
  return { instance: 'i', name: 'g', sequence, ready: true, pools: [], ...more };
}
const line = (value: unknown): string => `${JSON.stringify(value)}\n`;

async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > endMs) assert.fail(`never: ${what}`);
    await delay(5);
  }
}

/** Full report of a gateway with one pool. */
async function reportWithPool(queued: number): Promise<LoadReport> {
  const world = new World();
  await world.run(1);
  const full = world.gateways[0]!.lastReport!.report!;
  return { ...full, pools: full.pools.map((pool) => ({ ...pool, queued })) };
}

test('lines split over chunks, or several in one chunk, all count, and the last report is kept', async (t) => {
  const gateway = await standInGateway(t);
  const { receiver, reports } = follow(t);
  assert.equal(receiver.lastReportOf('g'), null);
  receiver.follow([member(gateway.origin)]);
  await until('a reader', () => gateway.readers.length === 1);
  const [reader] = gateway.readers;
  reader!.write(line(report(1)).slice(0, 9));
  await delay(20);
  assert.deepEqual(reports, []);
  reader!.write(line(report(1)).slice(9) + line(report(2)) + line(report(3)));
  await until('three reports', () => reports.length === 3);
  assert.equal(receiver.lastReportOf('g')?.report?.sequence, 3);
});

test('an invalid line clears the report, an old line changes nothing, a restart starts a new sequence', async (t) => {
  const gateway = await standInGateway(t);
  const { receiver, reports } = follow(t);
  receiver.follow([member(gateway.origin)]);
  await until('a reader', () => gateway.readers.length === 1);
  const [reader] = gateway.readers;
  const lines = [
    line(report(5)),
    line(report(5)),
    line(report(4)),
    '<html>\n',
    line({ ...report(6), pools: [{}] }),
    line(report(0, { instance: 'j' })),
  ];
  for (const [index, text] of lines.entries()) {
    reader!.write(text);
    await until(`line ${index}`, () => reports.length === index + 1);
    // Old lines leave the last report in place; invalid lines clear it.
    if (index === 2) assert.equal(receiver.lastReportOf('g')?.report?.sequence, 5);
    if (index === 3 || index === 4) assert.equal(receiver.lastReportOf('g')?.report, null);
  }
  assert.deepEqual(
    reports.map((text) => text.split(':')[0]),
    ['ok', 'old', 'old', 'invalid', 'invalid', 'ok'],
  );
  assert.match(reports[4]!, /\/pools\/0/);
});

test('a queue that begins is urgent, and so is a line out of turn; the regular line of each second is not', async (t) => {
  const gateway = await standInGateway(t);
  let nowMs = 0;
  const { receiver, reports, urgent } = follow(t, { wallMs: () => nowMs, steadyMs: () => nowMs });
  receiver.follow([member(gateway.origin)]);
  await until('a reader', () => gateway.readers.length === 1);
  const [reader] = gateway.readers;
  const [idle, waits] = [await reportWithPool(0), await reportWithPool(1)];
  reader!.write(line({ ...idle, sequence: 1 }));
  await until('the first', () => reports.length === 1);
  assert.equal(urgent(), 0);
  nowMs += 1_000;
  reader!.write(line({ ...waits, sequence: 2 }));
  await until('it is urgent', () => urgent() === 1);
  nowMs += 1_000;
  reader!.write(line({ ...waits, sequence: 3 }));
  await until('the third', () => reports.length === 3);
  assert.equal(urgent(), 1);
  reader!.write(line({ ...waits, sequence: 4 }));
  await until('the fourth', () => reports.length === 4);
  assert.equal(urgent(), 2);
});

test('a stream that ends, one that breaks and a gateway that is away are followed again once they return', async (t) => {
  const port = await freePort();
  const first = await standInGateway(t, port);
  const { receiver, reports } = follow(t);
  receiver.follow([member(first.origin)]);
  await until('a reader', () => first.readers.length === 1);
  first.readers[0]!.end(line(report(1)));
  await until('the receiver reconnects', () => first.readers.length === 1 && reports.length === 1);
  first.readers[0]!.destroy();
  const closed = once(first.server, 'close');
  first.server.close();
  first.server.closeAllConnections();
  await closed;
  await delay(300);
  const second = await standInGateway(t, port);
  await until('the receiver finds it', () => second.readers.length === 1);
  second.readers[0]!.write(line(report(0, { instance: 'j' })));
  await until('its report arrives', () => receiver.lastReportOf('g')?.report?.instance === 'j');
});

test('gateways that are gone are dropped, one that moves is followed to its new address, an unknown address changes nothing', async (t) => {
  const [one, two] = [await standInGateway(t), await standInGateway(t)];
  const { receiver } = follow(t);
  receiver.follow([member(null)]);
  receiver.follow([member(one.origin)]);
  await until('one', () => one.readers.length === 1);
  one.readers[0]!.write(line(report(1)));
  await until('its report arrives', () => receiver.lastReportOf('g') !== null);
  receiver.follow([member(null)]);
  await delay(50);
  assert.deepEqual([one.readers.length, receiver.lastReportOf('g')?.report?.sequence], [1, 1]);
  receiver.follow([member(two.origin)]);
  await until('two', () => two.readers.length === 1 && one.readers.length === 0);
  assert.equal(receiver.lastReportOf('g'), null);
  receiver.follow([]);
  await until('none', () => two.readers.length === 0);
  receiver.follow([member('not an address', 'h')]);
  await delay(50);
  assert.equal(receiver.lastReportOf('h'), null);
});

test('every line yields a report that fits the schema, or a reason; none throws', async () => {
  const real = await reportWithPool(3);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify(value)),
      ),
      (text) => {
        const parsed = parseReport(text);
        assert.ok(typeof parsed === 'string' ? parsed.length > 0 : Check(LoadReport, parsed));
      },
    ),
  );
  const bad = fc.constantFrom(-1, 0.5, Infinity, NaN, '1', null, [], {}, -1e308);
  const counts = ['arrivals', 'completions', 'late', 'failed', 'queued', 'queuedBytes', 'inFlight'] as const;
  fc.assert(
    fc.property(fc.constantFrom(...counts), bad, (field, value) => {
      // JSON.stringify writes Infinity as null; another language may write a number that overflows, 1e999.
      const text = JSON.stringify({
        ...real,
        pools: [{ ...real.pools[0], [field]: value === Infinity ? 'INF' : value }],
      });
      assert.equal(typeof parseReport(text.replace('"INF"', '1e999')), 'string', text);
    }),
  );
  const durations = fc.record({ boundsMs: fc.array(fc.nat()), counts: fc.array(fc.nat()) });
  fc.assert(
    fc.property(durations, (given) => {
      const parsed = parseReport(JSON.stringify({ ...real, pools: [{ ...real.pools[0], durations: given }] }));
      assert.equal(typeof parsed !== 'string', given.counts.length === given.boundsMs.length + 1);
    }),
  );
});
