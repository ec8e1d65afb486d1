import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ListWatch, type Resource, type WatchTiming } from './list-watch.ts';
import { ApiServer, refuse, until } from './testing/api-server.ts';

const resource = { name: 'things', path: '/apis/test/v1/namespaces/test/things' };

interface Setup {
  readonly server: ApiServer;
  readonly watch: ListWatch<string>;
  readonly errors: (string | null)[];
  readonly changes: () => number;
  /** Requested pauses before retries, in milliseconds. The test does not wait for them. */
  readonly pausesMs: readonly number[];
}

/** Starts a fake server and a ListWatch that keeps the label `v` of each object. */
async function start(
  t: TestContext,
  prepare: (server: ApiServer) => void = () => undefined,
  { timing, ...more }: Partial<Resource> & { timing?: WatchTiming } = {},
): Promise<Setup> {
  const server = await ApiServer.start();
  server.put('a', { v: '1' });
  prepare(server);
  const errors: (string | null)[] = [];
  const pausesMs: number[] = [];
  let changes = 0;
  const watch = new ListWatch({
    api: server.api,
    resource: { ...resource, ...more },
    read: ({ metadata }) => metadata?.labels?.['v'] ?? '',
    onChange: () => (changes += 1),
    onConfirmed: () => undefined,
    onError: (message) => errors.push(message),
    pause: async (ms) => {
      pausesMs.push(ms);
      await new Promise((resolve) => setImmediate(resolve));
    },
    ...(timing === undefined ? {} : { timing }),
  });
  t.after(async () => {
    await watch.close();
    await server.close();
  });
  return { server, watch, errors, changes: () => changes, pausesMs };
}

const watching = ({ server }: Setup) => until('a watch', () => server.watches.size === 1);
const content = ({ watch }: Setup) => Object.fromEntries(watch.objects);

test('lists in pages, then watches; events add, change and remove objects', async (t) => {
  const setup = await start(t, (server) => {
    server.put('b', { v: '1' });
    server.put('c', { v: '1' });
    server.pageSize = 2;
  });
  const { server, watch, changes } = setup;
  await watching(setup);
  assert.ok(watch.synced);
  assert.deepEqual(content(setup), { a: '1', b: '1', c: '1' });
  const query = server.requests.at(-1)!.query;
  assert.equal(query.get('resourceVersion'), server.version);
  assert.equal(query.get('allowWatchBookmarks'), 'true');
  const before = changes();
  server.put('d', { v: '1' });
  server.put('a', { v: '2' });
  server.remove('b');
  await until('three events', () => changes() === before + 3);
  assert.deepEqual(content(setup), { a: '2', c: '1', d: '1' });
  assert.deepEqual([server.count('list'), server.count('watch')], [2, 1]);
});

test('a watch that ended or was lost continues from the last version, bookmarks included, without a list', async (t) => {
  const setup = await start(t);
  const { server, watch } = setup;
  for (const how of ['end', 'destroy'] as const) {
    await watching(setup);
    const before = server.count('watch');
    server.put('a', { v: how });
    await until('an event', () => watch.objects.get('a') === how);
    // A bookmark changes only `asOfMs`, which has millisecond resolution.
    const confirmedMs = watch.asOfMs;
    await until('the next millisecond', () => Date.now() > confirmedMs);
    server.bookmark();
    const { version } = server;
    await until('the bookmark', () => watch.asOfMs > confirmedMs);
    server.endWatches(how);
    await until('the next watch', () => server.count('watch') === before + 1);
    assert.equal(server.requests.at(-1)!.query.get('resourceVersion'), version);
  }
  server.put('b', { v: '1' });
  await until('b', () => watch.objects.has('b'));
  assert.equal(server.count('list'), 1);
});

for (const [what, spoil] of [
  ['410 as an event', (server: ApiServer) => server.send({ type: 'ERROR', object: { code: 410, message: 'too old' } })],
  ['garbage', (server: ApiServer) => server.send('<html>no such thing</html>\n')],
  ['an event without a version', (server: ApiServer) => server.send({ type: 'ADDED', object: { metadata: {} } })],
  ['an unknown event type', (server: ApiServer) => server.send({ type: 'NEW', object: server.objects.get('a')! })],
  [
    'an event that was cut off',
    (server: ApiServer) => {
      server.send('{"type":"MODIFIED","object":{"metadata":{"name":"a"');
      server.endWatches('end');
    },
  ],
] as const) {
  test(`after ${what}: lists again and finds missed changes; the old objects stay until then`, async (t) => {
    const setup = await start(t);
    const { server, watch } = setup;
    await watching(setup);
    // Changes objects without an event, as if it had been missed.
    const missed = { metadata: { name: 'b', uid: 'b', resourceVersion: '500', labels: { v: '1' } } };
    server.objects.set('b', missed);
    server.objects.delete('a');
    let seen: object | null = null;
    server.intercept = ({ query }) => {
      if (!query.has('watch')) seen ??= content(setup);
      return false;
    };
    spoil(server);
    await until('the second list', () => watch.objects.has('b'));
    assert.deepEqual(seen, { a: '1' });
    assert.deepEqual(content(setup), { b: '1' });
  });
}

test('410 as answer to a watch: lists again', async (t) => {
  let refused = 0;
  const setup = await start(t, (server) => {
    server.intercept = ({ query }, response) => {
      if (!query.has('watch') || refused > 0) return false;
      refused += 1;
      return refuse(response, 410, 'The resourceVersion for the provided watch is too old.');
    };
  });
  await watching(setup);
  assert.equal(setup.server.count('list'), 2);
  assert.deepEqual(setup.errors, []);
});

test('a server that is away for long is asked each second; an expired version then costs no pause', async (t) => {
  const setup = await start(t);
  const { server, watch, pausesMs } = setup;
  await watching(setup);
  server.intercept = (_, response) => {
    response.destroy();
    return true;
  };
  server.endWatches('destroy');
  await until('many tries', () => pausesMs.length >= 8);
  assert.ok(Math.max(...pausesMs) <= 1000, `a pause of ${Math.max(...pausesMs)} ms`);
  // Changes were missed when it is back, and their versions are no longer kept.
  server.objects.set('b', { metadata: { name: 'b', uid: 'b', resourceVersion: '500', labels: { v: '1' } } });
  let pauses = -1;
  server.intercept = ({ query }, response) => {
    if (!query.has('watch') || pauses >= 0) return false;
    pauses = pausesMs.length;
    return refuse(response, 410, 'too old resource version');
  };
  await until('the list', () => watch.objects.has('b'));
  assert.equal(pausesMs.length, pauses, 'it paused before the list');
});

test('a server that says of each new list that its version expired is asked ever less often', async (t) => {
  const setup = await start(t, (server) => {
    server.intercept = ({ query }, response) => query.has('watch') && refuse(response, 410, 'too old');
  });
  const { server, pausesMs } = setup;
  await until('some lists', () => server.count('list') >= 6);
  assert.ok(pausesMs.length >= 4 && pausesMs[3]! > 1000, pausesMs.join(', '));
});

test('an unreachable API server: objects stay and age; the error and the recovery are reported once', async (t) => {
  const setup = await start(t);
  const { server, watch, errors } = setup;
  await watching(setup);
  let refusals = 0;
  server.intercept = (_, response) => {
    refusals += 1;
    response.destroy();
    return true;
  };
  server.endWatches('destroy');
  await until('some tries', () => refusals >= 2);
  const { asOfMs } = watch;
  await until('another', () => refusals >= 3);
  assert.equal(watch.asOfMs, asOfMs);
  assert.ok(watch.synced);
  assert.deepEqual(content(setup), { a: '1' });
  assert.equal(errors.length, 1);
  assert.match(errors[0]!, /^watch things: /);
  server.intercept = () => false;
  await until('a new watch', () => watch.lastError === null);
  assert.equal(errors.at(-1), null);
  assert.ok(watch.asOfMs > asOfMs);
  assert.equal(server.count('list'), 1);
});

test('a watch that is silent past its timeout is replaced', async (t) => {
  const setup = await start(t, undefined, { timing: { watchSeconds: 1, graceMs: 100, absentMs: 60_000 } });
  const { server, errors } = setup;
  await until('the second watch', () => server.count('watch') === 2);
  await until('the recovery', () => errors.includes(null));
  assert.match(errors[0]!, /^watch things: no end after its timeout/);
  server.put('b');
  await until('b', () => setup.watch.objects.has('b'));
});

test('successful requests of others confirm the objects while a watch is open, and only then', async (t) => {
  const setup = await start(t);
  const { server, watch } = setup;
  await watching(setup);
  const beforeMs = watch.asOfMs;
  await until('the clock', () => Date.now() > beforeMs + 5);
  await server.api.call({ operation: 'get other', path: '/other' });
  assert.ok(watch.asOfMs > beforeMs);
  await watch.close();
  const closedMs = watch.asOfMs;
  await until('the clock', () => Date.now() > closedMs + 5);
  await server.api.call({ operation: 'get other', path: '/other' });
  assert.equal(watch.asOfMs, closedMs);
});

test('a forbidden list is reported with verb and resource, and recovers', async (t) => {
  const message =
    'things is forbidden: User "x" cannot list resource "things" in API group "test" in the namespace "test"';
  const setup = await start(t, (server) => (server.intercept = (_, response) => refuse(response, 403, message)));
  const { server, watch, errors } = setup;
  await until('the error', () => watch.forbidden);
  assert.equal(watch.synced, false);
  assert.deepEqual(errors, [`list things: 403 ${message}`]);
  server.intercept = () => false;
  await until('the list', () => watch.synced);
  assert.deepEqual([watch.forbidden, watch.lastError], [false, null]);
});

test('an unknown resource type: no objects if it is optional, else an error', async (t) => {
  const unknown = (server: ApiServer): void => {
    server.intercept = (_, response) => refuse(response, 404, 'the server could not find the requested resource');
  };
  const timing = { watchSeconds: 1, graceMs: 100, absentMs: 20 };
  const optional = await start(t, unknown, { optional: true, timing });
  await until('the answer', () => optional.watch.synced);
  assert.deepEqual([optional.watch.objects.size, optional.watch.lastError], [0, null]);
  optional.server.intercept = () => false;
  await until('it to be there', () => optional.watch.objects.size === 1);
  const needed = await start(t, unknown);
  await until('the error', () => needed.watch.lastError !== null);
  assert.equal(needed.watch.synced, false);
  assert.match(needed.watch.lastError!, /^list things: 404 the server could not find/);
});

test('watches that end at once are retried with pauses', async (t) => {
  const setup = await start(t, (server) => {
    server.intercept = ({ query }, response) => {
      if (query.has('watch')) response.writeHead(200).end();
      return query.has('watch');
    };
  });
  const { server, pausesMs } = setup;
  await until('four watches', () => server.count('watch') >= 4);
  for (const [index, stepMs] of [400, 800, 1_600].entries()) {
    const ms = pausesMs[index]!;
    assert.ok(ms >= stepMs / 2 && ms <= stepMs, `pause ${index + 1} of ${ms} ms`);
  }
});

test('close ends a watch, a list and a pause at once', async (t) => {
  const hanging = await start(t, (server) => (server.intercept = () => true));
  await until('the list', () => hanging.server.count('list') === 1);
  await hanging.watch.close();
  const open = await start(t);
  await watching(open);
  await open.watch.close();
  await until('its end', () => open.server.watches.size === 0);
});
