import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ListWatch, type Resource, type WatchTiming } from './list-watch.ts';
import { ApiServer, refuse, until } from './testing/api-server.ts';

const resource = { name: 'things', path: '/apis/test/v1/namespaces/test/things' };

interface Setup {
  readonly server: ApiServer;
  readonly watch: ListWatch<string>;
  readonly troubles: (string | null)[];
  readonly changes: () => number;
  /** Lengths of the pauses before retries, in milliseconds. No time is spent on them. */
  readonly pausesMs: readonly number[];
}

/** What is kept of an object is its label `v`. */
async function start(
  t: TestContext,
  prepare: (server: ApiServer) => void = () => undefined,
  { timing, ...more }: Partial<Resource> & { timing?: WatchTiming } = {},
): Promise<Setup> {
  const server = await ApiServer.start();
  server.put('a', { v: '1' });
  prepare(server);
  const troubles: (string | null)[] = [];
  const pausesMs: number[] = [];
  let changes = 0;
  const watch = new ListWatch({
    api: server.api,
    resource: { ...resource, ...more },
    read: ({ metadata }) => metadata?.labels?.['v'] ?? '',
    onChange: () => (changes += 1),
    onHeard: () => undefined,
    onTrouble: (trouble) => troubles.push(trouble),
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
  return { server, watch, troubles, changes: () => changes, pausesMs };
}

const watching = ({ server }: Setup) => until('a watch', () => server.watches.size === 1);
const content = ({ watch }: Setup) => Object.fromEntries(watch.objects);

test('lists in pages, then watches from there; events add, change and remove', async (t) => {
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

test('a watch that ended in order or broke off goes on from the last version, bookmarks included, without a list', async (t) => {
  const setup = await start(t);
  const { server, watch } = setup;
  for (const how of ['end', 'destroy'] as const) {
    await watching(setup);
    const before = server.count('watch');
    server.put('a', { v: how });
    await until('an event', () => watch.objects.get('a') === how);
    // A bookmark shows only in when the last word was heard, which is known to a millisecond.
    const heardMs = watch.asOfMs;
    await until('the next millisecond', () => Date.now() > heardMs);
    server.bookmark();
    const { version } = server;
    await until('the bookmark', () => watch.asOfMs > heardMs);
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
  ['a type that nobody knows', (server: ApiServer) => server.send({ type: 'NEW', object: server.objects.get('a')! })],
  [
    'an event that was cut off',
    (server: ApiServer) => {
      server.send('{"type":"MODIFIED","object":{"metadata":{"name":"a"');
      server.endWatches('end');
    },
  ],
] as const) {
  test(`after ${what}: lists anew, and finds what it missed; what was known stays until then`, async (t) => {
    const setup = await start(t);
    const { server, watch } = setup;
    await watching(setup);
    // Missed: nobody was told of it.
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

test('410 to the watch itself: lists anew', async (t) => {
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
  assert.deepEqual(setup.troubles, []);
});

test('an API server that is away: objects stay and grow old, trouble is told once, and then that it is over', async (t) => {
  const setup = await start(t);
  const { server, watch, troubles } = setup;
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
  assert.equal(troubles.length, 1);
  assert.match(troubles[0]!, /^watch things: /);
  server.intercept = () => false;
  await until('a new watch', () => watch.trouble === null);
  assert.equal(troubles.at(-1), null);
  assert.ok(watch.asOfMs > asOfMs);
  assert.equal(server.count('list'), 1);
});

test('a watch that goes on in silence past its end is dead, and another takes its place', async (t) => {
  const setup = await start(t, undefined, { timing: { watchSeconds: 1, graceMs: 100, absentMs: 60_000 } });
  const { server, troubles } = setup;
  await until('the second watch', () => server.count('watch') === 2);
  await until('trouble', () => troubles.includes(null));
  assert.match(troubles[0]!, /^watch things: it went on past its end/);
  server.put('b');
  await until('b', () => setup.watch.objects.has('b'));
});

test('while a watch is open what others hear of the API server counts for its age, and not when it is not', async (t) => {
  const setup = await start(t);
  const { server, watch } = setup;
  await watching(setup);
  const beforeMs = watch.asOfMs;
  await until('the clock', () => Date.now() > beforeMs + 5);
  await server.api.call({ what: 'get other', path: '/other' });
  assert.ok(watch.asOfMs > beforeMs);
  await watch.close();
  const closedMs = watch.asOfMs;
  await until('the clock', () => Date.now() > closedMs + 5);
  await server.api.call({ what: 'get other', path: '/other' });
  assert.equal(watch.asOfMs, closedMs);
});

test('forbidden is told with verb and resource, and heals by itself', async (t) => {
  const message =
    'things is forbidden: User "x" cannot list resource "things" in API group "test" in the namespace "test"';
  const setup = await start(t, (server) => (server.intercept = (_, response) => refuse(response, 403, message)));
  const { server, watch, troubles } = setup;
  await until('trouble', () => watch.forbidden);
  assert.equal(watch.synced, false);
  assert.deepEqual(troubles, [`list things: 403 ${message}`]);
  server.intercept = () => false;
  await until('the list', () => watch.synced);
  assert.deepEqual([watch.forbidden, watch.trouble], [false, null]);
});

test('a resource that the cluster does not know: none where it is optional, trouble where it is not', async (t) => {
  const unknown = (server: ApiServer): void => {
    server.intercept = (_, response) => refuse(response, 404, 'the server could not find the requested resource');
  };
  const timing = { watchSeconds: 1, graceMs: 100, absentMs: 20 };
  const optional = await start(t, unknown, { optional: true, timing });
  await until('the answer', () => optional.watch.synced);
  assert.deepEqual([optional.watch.objects.size, optional.watch.trouble], [0, null]);
  optional.server.intercept = () => false;
  await until('it to be there', () => optional.watch.objects.size === 1);
  const needed = await start(t, unknown);
  await until('trouble', () => needed.watch.trouble !== null);
  assert.equal(needed.watch.synced, false);
  assert.match(needed.watch.trouble!, /^list things: 404 the server could not find/);
});

test('watches that end at once are not asked for without a pause', async (t) => {
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
