/** The endpoints of one pool in virtual time, over pods without a socket: a test lists them, and sees what is told and logged. */
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { Endpoints } from '../endpoints/endpoints.ts';
import { FakePod } from './fake-pod.ts';
import { specOf } from './virtual-pool.ts';
import { VirtualTime } from './virtual-time.ts';

/** @param models of the pool, and of each pod */
export function virtualEndpoints(
  t: TestContext,
  uids: readonly string[],
  spec: Record<string, unknown> = {},
  models: readonly string[] = ['m'],
) {
  const time = new VirtualTime(t);
  const pods = uids.map((uid) => new FakePod(uid, models));
  const told = { changes: 0, statuses: 0, released: 0 };
  const connected: [origin: string, isPeer: boolean][] = [];
  const lines: Record<string, unknown>[] = [];
  const endpoints = new Endpoints({
    spec: () => specOf(models, spec).spec,
    events: {
      onChange: () => (told.changes += 1),
      onStatus: () => (told.statuses += 1),
      onReleased: () => (told.released += 1),
    },
    clock: time.clock,
    log: pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) }),
    connect: (origin, isPeer) => {
      connected.push([origin, isPeer]);
      return pods.find(({ uid }) => origin === `http://${uid}`)!;
    },
  });
  setInterval(() => endpoints.tick(), 50);
  const of = (uid: string) => [...endpoints.all].find((endpoint) => endpoint.uid === uid)!;
  return {
    endpoints,
    time,
    pods,
    told,
    connected,
    lines,
    of,
    list: (...listed: Parameters<Endpoints['apply']>[0]) => {
      endpoints.apply(listed);
      time.turn();
    },
    states: () => uids.map((uid) => [...endpoints.all].find((one) => one.uid === uid)?.health.kind),
  };
}
