/** Requests of a leader to a fake API server that stores one lease and checks its resourceVersion. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { Leader } from './leader.ts';
import { ApiServer, refuse, until } from './testing/api-server.ts';

/** Fast retries, with limits longer than a busy machine may stall. */
const config = { durationMs: 3_000, renewLimitMs: 2_000, retryMs: 50 };
interface Lease {
  readonly metadata: { readonly name?: string; resourceVersion?: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Fake server with one lease. `fate` decides the result of a holder's write. */
async function leaseServer() {
  const server = await ApiServer.start();
  const stored: { lease: Lease | null; version: number } = { lease: null, version: 0 };
  const log: { writes: string[]; fate: (holder: string) => 'open' | 'refused' | 'lost' } = {
    writes: [],
    fate: () => 'open',
  };
  server.intercept = ({ method, body }, response) => {
    const lease = body as Lease | undefined;
    const ok = (answer: Lease): true => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
      return true;
    };
    if (method === 'GET') return stored.lease === null ? refuse(response, 404, 'no lease') : ok(stored.lease);
    const holder = String(lease!.spec['holderIdentity']);
    const fate = log.fate(holder);
    if (fate === 'refused') return refuse(response, 500, 'etcd is away');
    const { resourceVersion } = lease!.metadata;
    const stale = method === 'POST' ? stored.lease !== null : resourceVersion !== String(stored.version);
    if (stale) return refuse(response, 409, 'the object has been modified');
    stored.version += 1;
    stored.lease = { ...lease!, metadata: { ...lease!.metadata, resourceVersion: String(stored.version) } };
    log.writes.push(holder);
    return fate === 'lost' ? lost(response) : ok(stored.lease);
  };
  const leaders: Leader[] = [];
  const errors: (string | null)[] = [];
  const leader = (identity: string): Leader => {
    const nothing = (): void => undefined;
    const onError = (message: string | null): unknown => errors.push(message);
    const made = new Leader({
      api: server.api,
      leaseName: 'lease',
      identity,
      config,
      onError,
      onChange: nothing,
      onConfirmed: nothing,
    });
    leaders.push(made);
    return made;
  };
  const close = async (): Promise<void> => {
    await Promise.all(leaders.map((one) => one.close()));
    await server.close();
  };
  return { stored, log, errors, leader, [Symbol.asyncDispose]: close };
}

/** Drops the answer to an accepted write. */
function lost(response: ServerResponse): true {
  response.destroy();
  return true;
}

describe('leader', { concurrency: true }, () => {
  test('one of two processes leads and keeps leading, and the other knows the holder', async () => {
    await using at = await leaseServer();
    const two = [at.leader('a'), at.leader('b')];
    await until('twenty writes', () => at.log.writes.length >= 20);
    assert.equal(new Set(at.log.writes).size, 1);
    const [holder] = at.log.writes;
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
    at.log.fate = (holder) => (holder === failing ? 'refused' : 'open');
    let both = false;
    await until('the other to lead', () => {
      both ||= leader.leadership.leading && other.leadership.leading;
      return other.leadership.leading;
    });
    assert.equal(both, false);
    assert.equal(other.leadership.transitions, 1);
    assert.match(at.errors[0] ?? '', /^lease lease: update leases: 500 etcd is away$/);
    at.log.fate = () => 'open';
    const writes = at.log.writes.length;
    await until('ten more writes', () => at.log.writes.length >= writes + 10);
    assert.deepEqual([...new Set(at.log.writes.slice(writes))], [other.leadership.holder]);
  });

  test('a lost answer to an accepted write does not end the leadership', async () => {
    await using at = await leaseServer();
    const a = at.leader('a');
    await until('to lead', () => a.leadership.leading);
    at.log.fate = () => (at.log.writes.length % 2 === 0 ? 'open' : 'lost');
    const writes = at.log.writes.length;
    await until('ten more writes', () => at.log.writes.length >= writes + 10);
    assert.equal(a.leadership.leading, true);
    assert.equal(a.leadership.transitions, 0);
  });

  test('a released lease is free at once', async () => {
    await using at = await leaseServer();
    const a = at.leader('a');
    await until('to lead', () => a.leadership.leading);
    await a.close();
    assert.equal(a.leadership.leading, false);
    assert.deepEqual([at.stored.lease?.spec['holderIdentity'], at.stored.lease?.spec['leaseDurationSeconds']], ['', 1]);
    const b = at.leader('b');
    await until('another to lead', () => b.leadership.leading);
    assert.equal(b.leadership.transitions, 1);
  });
});
