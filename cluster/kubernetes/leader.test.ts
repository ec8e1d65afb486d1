/** The requests of a leader against a server that keeps one lease as the API server does: by its resourceVersion. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { Leader } from './leader.ts';
import { ApiServer, refuse, until } from './testing/api-server.ts';

/** Retries are quick; what runs out is longer than a starved machine stands still. */
const config = { durationMs: 3_000, renewLimitMs: 2_000, retryMs: 50 };
interface Lease {
  readonly metadata: { readonly name?: string; resourceVersion?: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** One lease; `way` says what becomes of a write by whom. */
async function leaseServer() {
  const server = await ApiServer.start();
  const kept: { lease: Lease | null; version: number } = { lease: null, version: 0 };
  const seen: { writes: string[]; way: (holder: string) => 'open' | 'refused' | 'lost' } = {
    writes: [],
    way: () => 'open',
  };
  server.intercept = ({ method, body }, response) => {
    const lease = body as Lease | undefined;
    const ok = (answer: Lease): true => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
      return true;
    };
    if (method === 'GET') return kept.lease === null ? refuse(response, 404, 'no lease') : ok(kept.lease);
    const holder = String(lease!.spec['holderIdentity']);
    const way = seen.way(holder);
    if (way === 'refused') return refuse(response, 500, 'etcd is away');
    const { resourceVersion } = lease!.metadata;
    const stale = method === 'POST' ? kept.lease !== null : resourceVersion !== String(kept.version);
    if (stale) return refuse(response, 409, 'the object has been modified');
    kept.version += 1;
    kept.lease = { ...lease!, metadata: { ...lease!.metadata, resourceVersion: String(kept.version) } };
    seen.writes.push(holder);
    return way === 'lost' ? lost(response) : ok(kept.lease);
  };
  const leaders: Leader[] = [];
  const troubles: (string | null)[] = [];
  const leader = (identity: string): Leader => {
    const nothing = (): void => undefined;
    const onTrouble = (trouble: string | null): unknown => troubles.push(trouble);
    const made = new Leader({
      api: server.api,
      leaseName: 'lease',
      identity,
      config,
      onTrouble,
      onChange: nothing,
      onHeard: nothing,
    });
    leaders.push(made);
    return made;
  };
  const close = async (): Promise<void> => {
    await Promise.all(leaders.map((one) => one.close()));
    await server.close();
  };
  return { kept, seen, troubles, leader, [Symbol.asyncDispose]: close };
}

/** Accepted, and nobody hears of it. */
function lost(response: ServerResponse): true {
  response.destroy();
  return true;
}

describe('leader', { concurrency: true }, () => {
  test('one of two leads and keeps it; the other knows who', async () => {
    await using at = await leaseServer();
    const two = [at.leader('a'), at.leader('b')];
    await until('twenty writes', () => at.seen.writes.length >= 20);
    assert.equal(new Set(at.seen.writes).size, 1);
    const [holder] = at.seen.writes;
    await until('both to know', () => two.every(({ leadership }) => leadership.holder === holder));
    assert.equal(two.filter(({ leadership }) => leadership.leading).length, 1);
    assert.equal(two[0]!.leadership.transitions, 0);
  });

  test('a leader whose writes fail stops before another takes the lease, and does not take it back', async () => {
    await using at = await leaseServer();
    const [a, b] = [at.leader('a'), at.leader('b')];
    await until('a leader', () => a.leadership.leading || b.leadership.leading);
    const [leader, other] = a.leadership.leading ? [a, b] : [b, a];
    const failing = leader.leadership.holder;
    at.seen.way = (holder) => (holder === failing ? 'refused' : 'open');
    let both = false;
    await until('the other to lead', () => {
      both ||= leader.leadership.leading && other.leadership.leading;
      return other.leadership.leading;
    });
    assert.equal(both, false);
    assert.equal(other.leadership.transitions, 1);
    assert.match(at.troubles[0] ?? '', /^lease lease: update leases: 500 etcd is away$/);
    at.seen.way = () => 'open';
    const writes = at.seen.writes.length;
    await until('ten more writes', () => at.seen.writes.length >= writes + 10);
    assert.deepEqual([...new Set(at.seen.writes.slice(writes))], [other.leadership.holder]);
  });

  test('a write that was accepted and whose answer was lost costs nothing', async () => {
    await using at = await leaseServer();
    const a = at.leader('a');
    await until('to lead', () => a.leadership.leading);
    at.seen.way = () => (at.seen.writes.length % 2 === 0 ? 'open' : 'lost');
    const writes = at.seen.writes.length;
    await until('ten more writes', () => at.seen.writes.length >= writes + 10);
    assert.equal(a.leadership.leading, true);
    assert.equal(a.leadership.transitions, 0);
  });

  test('given back, it is free at once', async () => {
    await using at = await leaseServer();
    const a = at.leader('a');
    await until('to lead', () => a.leadership.leading);
    await a.close();
    assert.equal(a.leadership.leading, false);
    assert.deepEqual([at.kept.lease?.spec['holderIdentity'], at.kept.lease?.spec['leaseDurationSeconds']], ['', 1]);
    const b = at.leader('b');
    await until('another to lead', () => b.leadership.leading);
    assert.equal(b.leadership.transitions, 1);
  });
});
