/** The stream of `/api/stream` to slow readers: fewer reports, every decision, and a limit on how far they fall behind. */
import assert from 'node:assert/strict';
import { get, type IncomingMessage } from 'node:http';
import { test, type TestContext } from 'node:test';
import type { DecisionRecord, PoolsReport } from '../../contract/scaler-api.ts';
import { problemErrors } from '../../runtime/http/errors.ts';
import { newServer } from '../../runtime/http/server.ts';
import { decisionRecord, poolReport } from '../page/testing/fake-scaler.ts';
import type { ScalerListener } from '../scaler.ts';
import { apiRoutes } from './api.ts';

/** Text that is larger than the buffers of a socket. */
const long = 'x'.repeat(5 * 1024 * 1024);

async function stream(
  t: TestContext,
): Promise<{ response: IncomingMessage; told: ScalerListener; events: () => string[] }> {
  const app = newServer({ log: { error: () => undefined }, errorForm: problemErrors, closes: 'all' });
  const listening = Promise.withResolvers<ScalerListener>();
  const streams = apiRoutes(app, {
    scaler: {
      report: () => report(0),
      decisions: () => [],
      subscribe: (listener) => {
        listening.resolve(listener);
        return () => undefined;
      },
    },
    timeline: { events: [], subscribe: () => () => undefined },
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(async () => {
    streams.close();
    await app.close();
  });
  const response = await new Promise<IncomingMessage>((resolve) => get(`${url}/api/stream`, resolve));
  let text = '';
  const read = (): void => {
    response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  };
  response.on('error', () => undefined);
  const told = await listening.promise;
  return {
    response,
    told,
    events: () => {
      if (text === '') read();
      return text
        .split('\n\n')
        .slice(0, -1)
        .map((event) => event.replace(long, '').slice(0, 200));
    },
  };
}

function report(atMs: number): PoolsReport {
  return { atMs, leading: true, leader: null, gateways: [], pools: [poolReport('a', { why: long })] };
}

function decision(reason: string): DecisionRecord {
  return decisionRecord('a', { reason });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

test(
  'a reader that is behind gets the newest report when it can, and every decision',
  { timeout: 60_000 },
  async (t) => {
    const { told, events } = await stream(t);
    for (let atMs = 1; atMs < 20; atMs += 1) {
      told.onPools(report(atMs), new Set());
      told.onDecision(decision(`decision-${atMs}`));
    }
    await until(() => events().length >= 20);
    told.onPools(report(99), new Set());
    await until(() => events().some((event) => event.includes('"atMs":99')));
    const reports = events().filter((event) => event.startsWith('event: pools'));
    assert.deepEqual(
      reports.map((event) => /"atMs":(\d+)/.exec(event)?.[1]),
      ['0', '99'],
    );
    assert.equal(events().filter((event) => event.startsWith('event: decision')).length, 19);
  },
);

test('a reader that reads nothing is cut off', { timeout: 60_000 }, async (t) => {
  const { response, told } = await stream(t);
  const ended = new Promise((resolve) => response.once('close', resolve));
  for (let count = 0; count < 5; count += 1) told.onDecision({ ...decision('long'), outcome: long });
  response.resume();
  await ended;
  assert.equal(response.complete, false);
});
