/** The follower on real sockets: gateways that speak, fall silent, talk nonsense, restart, and come back. */
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
import { realClock } from '../clock.ts';
import { Follower, parseReport } from './report-receiver.ts';
import { Http } from '../http.ts';
import { World } from '../testing/world.ts';

interface Stand {
  readonly origin: string;
  readonly server: Server;
  /** Readers now, oldest first. */
  readonly readers: ServerResponse[];
}

async function stand(t: TestContext, port = 0): Promise<Stand> {
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

function follow(t: TestContext) {
  const http = new Http();
  const reports: string[] = [];
  let urgent = 0;
  const events = {
    onReport: (result: string, detail: string | null) =>
      reports.push(detail === null ? result : `${result}: ${detail}`),
    onUrgent: () => (urgent += 1),
  };
  const follower = new Follower({ http, clock: realClock, random: () => 0, events });
  t.after(async () => {
    follower.close();
    await http.close();
  });
  return { follower, reports, urgent: () => urgent };
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

/** A real report, as of a gateway that has a pool. */
async function pooled(queued: number): Promise<LoadReport> {
  const world = new World();
  await world.run(1);
  const said = world.gateways[0]!.news!.report!;
  return { ...said, pools: said.pools.map((pool) => ({ ...pool, queued })) };
}

test('lines that come in pieces, several in one, and none: the last report counts', async (t) => {
  const gateway = await stand(t);
  const { follower, reports } = follow(t);
  assert.equal(follower.newsOf('g'), null);
  follower.follow([member(gateway.origin)]);
  await until('a reader', () => gateway.readers.length === 1);
  const [reader] = gateway.readers;
  reader!.write(line(report(1)).slice(0, 9));
  await delay(20);
  assert.deepEqual(reports, []);
  reader!.write(line(report(1)).slice(9) + line(report(2)) + line(report(3)));
  await until('three reports', () => reports.length === 3);
  assert.equal(follower.newsOf('g')?.report?.sequence, 3);
});

test('nonsense is no report, an old line changes nothing, a restart begins anew', async (t) => {
  const gateway = await stand(t);
  const { follower, reports } = follow(t);
  follower.follow([member(gateway.origin)]);
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
    // What can't be read is known to have come, and nothing of it is believed.
    if (index === 2) assert.equal(follower.newsOf('g')?.report?.sequence, 5);
    if (index === 3 || index === 4) assert.equal(follower.newsOf('g')?.report, null);
  }
  assert.deepEqual(
    reports.map((text) => text.split(':')[0]),
    ['ok', 'old', 'old', 'invalid', 'invalid', 'ok'],
  );
  assert.match(reports[4]!, /\/pools\/0/);
});

test('a request where none waited is urgent, and so is a line out of turn; the line of each second is not', async (t) => {
  const gateway = await stand(t);
  const { follower, reports, urgent } = follow(t);
  follower.follow([member(gateway.origin)]);
  await until('a reader', () => gateway.readers.length === 1);
  const [reader] = gateway.readers;
  const [idle, waits] = [await pooled(0), await pooled(1)];
  reader!.write(line({ ...idle, sequence: 1 }));
  await until('the first', () => reports.length === 1);
  assert.equal(urgent(), 0);
  await delay(1_000);
  reader!.write(line({ ...waits, sequence: 2 }));
  await until('it is urgent', () => urgent() === 1);
  await delay(1_000);
  reader!.write(line({ ...waits, sequence: 3 }));
  await until('the third', () => reports.length === 3);
  assert.equal(urgent(), 1);
  reader!.write(line({ ...waits, sequence: 4 }));
  await until('the fourth', () => reports.length === 4);
  // On a machine that slept in between it came in turn after all.
  assert.ok(urgent() >= 1);
});

test('a stream that breaks, an error and a gateway that is away: it is followed again when it is back', async (t) => {
  const first = await stand(t);
  const { follower, reports } = follow(t);
  follower.follow([member(first.origin)]);
  await until('a reader', () => first.readers.length === 1);
  first.readers[0]!.end(line(report(1)));
  await until('it comes again', () => first.readers.length === 1 && reports.length === 1);
  first.readers[0]!.destroy();
  const closed = once(first.server, 'close');
  first.server.close();
  first.server.closeAllConnections();
  await closed;
  await delay(300);
  const second = await stand(t, Number(new URL(first.origin).port));
  await until('it is found again', () => second.readers.length === 1);
  second.readers[0]!.write(line(report(0, { instance: 'j' })));
  await until('it is heard', () => follower.newsOf('g')?.report?.instance === 'j');
});

test('who is not there any more is let go, who moves is followed to the new address, an unknown address changes nothing', async (t) => {
  const [one, two] = [await stand(t), await stand(t)];
  const { follower } = follow(t);
  follower.follow([member(null)]);
  follower.follow([member(one.origin)]);
  await until('one', () => one.readers.length === 1);
  one.readers[0]!.write(line(report(1)));
  await until('it is heard', () => follower.newsOf('g') !== null);
  follower.follow([member(null)]);
  await delay(50);
  assert.deepEqual([one.readers.length, follower.newsOf('g')?.report?.sequence], [1, 1]);
  follower.follow([member(two.origin)]);
  await until('two', () => two.readers.length === 1 && one.readers.length === 0);
  assert.equal(follower.newsOf('g'), null);
  follower.follow([]);
  await until('none', () => two.readers.length === 0);
  follower.follow([member('not an address', 'h')]);
  await delay(50);
  assert.equal(follower.newsOf('h'), null);
});

test('whatever a line is, it is a report that the schema knows or a reason, and nothing throws', async () => {
  const real = await pooled(3);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify(value)),
      ),
      (text) => {
        const said = parseReport(text);
        assert.ok(typeof said === 'string' ? said.length > 0 : Check(LoadReport, said));
      },
    ),
  );
  const bad = fc.constantFrom(-1, 0.5, Infinity, NaN, '1', null, [], {}, -1e308);
  const counts = ['arrivals', 'completions', 'late', 'failed', 'queued', 'queuedBytes', 'inFlight'] as const;
  fc.assert(
    fc.property(fc.constantFrom(...counts), bad, (field, value) => {
      // JSON of Infinity is null: as a gateway in another language would write it.
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
      const said = parseReport(JSON.stringify({ ...real, pools: [{ ...real.pools[0], durations: given }] }));
      assert.equal(typeof said !== 'string', given.counts.length === given.boundsMs.length + 1);
    }),
  );
});
