/** Turns of connections that send much at once: who is served in between, and that each byte is parsed once, in its order. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { protocolErrors } from './errors.ts';
import { readBody } from './read-body.ts';
import { route } from './routes.ts';
import type { HttpLimits } from './limits.ts';
import { newServer } from './server.ts';

type Room = Parameters<typeof readBody>[1];

const boundless: Room = { check: () => undefined, reserve: () => undefined, release: () => undefined };

/** Counts turns of the event loop. */
function loopTurns(t: TestContext): { count: number } {
  const turns = { count: 0 };
  const next = (): void => {
    turns.count += 1;
    immediate = setImmediate(next);
  };
  let immediate = setImmediate(next);
  t.after(() => clearImmediate(immediate));
  return turns;
}

/** A server that answers each path with itself and its body, and remembers what it was asked. */
async function start(
  t: TestContext,
  limits: Partial<HttpLimits> = {},
  onAsked?: (path: string) => void,
  room: Room = boundless,
) {
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all', limits });
  const asked: string[] = [];
  const bodies: Record<string, string> = {};
  route(app, '/:name', {
    right: 'predict',
    GET: (request, reply) => {
      asked.push(request.url);
      onAsked?.(request.url);
      return reply.send(request.url);
    },
    POST: (request, reply) => {
      reply.hijack();
      readBody(request.raw, room, (_error, body) => {
        asked.push(request.url);
        bodies[request.url] = Buffer.concat(body.parts).toString();
        void reply.raw.end(request.url);
      });
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const { port } = app.server.address() as { port: number };
  const client = async (): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined);
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { app, asked, bodies, client };
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
const post = (path: string, fields: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${fields}\r\n\r\n${body}`;
const chunked = (path: string, chunks: readonly string[]): string =>
  post(path, 'transfer-encoding: chunked', [...chunks, ''].map((c) => `${c.length.toString(16)}\r\n${c}\r\n`).join(''));

/** Answers that a client gets, once there are so many. */
async function answers(socket: Socket, count: number): Promise<string[]> {
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => (text += part));
  const found = (): string[] =>
    [...text.matchAll(/HTTP\/1\.1 [^]*?\r\n\r\n([^]*?)(?=HTTP\/1\.1 |$)/g)].map(([, body]) => body!);
  while (found().length < count || found().at(-1) === '') await once(socket, 'data');
  return found();
}

const oneSliceATurn = { readTurnMs: 0 };

test('others are served between the requests that one connection sends at once', { timeout: 60_000 }, async (t) => {
  const { asked, client } = await start(t, oneSliceATurn, (path) => {
    if (path === '/greedy10') later.write(get('/later'));
  });
  const [greedy, other, later] = [await client(), await client(), await client()];
  // Both are there when the server looks: the reads follow one another. The third comes while the first is worked on.
  greedy.write(Array.from({ length: 1_000 }, (_, index) => get(`/greedy${index}`)).join(''));
  other.write(get('/other'));
  await Promise.all([answers(other, 1), answers(later, 1)]);
  assert.ok(asked.indexOf('/other') < 100, `${asked.indexOf('/other')} requests were handled before`);
  assert.ok(asked.indexOf('/later') < 300, `${asked.indexOf('/later')} requests were handled before the later one`);
  const all = await answers(greedy, 1_000);
  assert.equal(all.length, 1_000);
  assert.ok(all.every((body, index) => body.startsWith(`/greedy${index}`)));
});

test('others are served between the chunks of a body', { timeout: 60_000 }, async (t) => {
  const { asked, bodies, client } = await start(t, oneSliceATurn);
  const [greedy, other] = [await client(), await client()];
  greedy.write(chunked('/greedy', Array<string>(10_000).fill('x')));
  other.write(get('/other'));
  await Promise.all([answers(other, 1), answers(greedy, 1)]);
  assert.deepEqual(asked, ['/other', '/greedy']);
  assert.equal(bodies['/greedy'], 'x'.repeat(10_000));
});

test('others are served between the chunks of a body that follows its head', { timeout: 60_000 }, async (t) => {
  const begun = Promise.withResolvers<null>();
  const { client } = await start(t, oneSliceATurn, undefined, { ...boundless, check: () => begun.resolve(null) });
  const turns = loopTurns(t);
  const greedy = await client();
  const [head, chunks] = chunked('/greedy', Array<string>(10_000).fill('x')).split(/(?<=\r\n\r\n)/);
  greedy.write(head!);
  await begun.promise;
  const before = turns.count;
  greedy.write(chunks!);
  await answers(greedy, 1);
  assert.ok(turns.count - before >= 20, `10,000 chunks were parsed in ${turns.count - before} turns`);
});

test(
  'whatever is sent at once, in whichever pieces, is answered once and in order',
  { timeout: 120_000 },
  async (t) => {
    const { asked, bodies, client } = await start(t, { ...oneSliceATurn, maxPipelined: 4 });
    const length = fc.integer({ min: 0, max: 5_000 });
    const kind = fc.oneof(
      fc.constant({ kind: 'get' as const }),
      fc.record({ kind: fc.constant('post' as const), length }),
      fc.record({ kind: fc.constant('chunked' as const), lengths: fc.array(fc.integer({ min: 1, max: 3_000 })) }),
    );
    const pieces = fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(kind, { minLength: 1, maxLength: 60 }),
        pieces,
        fc.boolean(),
        async (all, cuts, ends) => {
          asked.length = 0;
          const text = (index: number, length: number): string => String(index).repeat(length).slice(0, length);
          const sent: Record<string, string> = {};
          const bytes = all.map((one, index) => {
            const path = `/${one.kind}${index}`;
            if (one.kind === 'get') return get(path);
            if (one.kind === 'post') {
              sent[path] = text(index, one.length);
              return post(path, `content-length: ${one.length}`, sent[path]);
            }
            const chunks = one.lengths.map((some) => text(index, some));
            sent[path] = chunks.join('');
            return chunked(path, chunks);
          });
          const paths = all.map(({ kind }, index) => `/${kind}${index}`);
          const socket = await client();
          const got = answers(socket, all.length);
          let rest = bytes.join('');
          for (const cut of cuts) {
            socket.write(rest.slice(0, cut));
            rest = rest.slice(cut);
            await new Promise((resolve) => setImmediate(resolve));
          }
          if (ends) socket.end(rest);
          else socket.write(rest);
          // The server ends its own half as soon as the client's has ended, whatever it has yet to answer.
          if (ends) await once(socket, 'close');
          const answered = ends ? [] : await got;
          if (!ends) assert.equal(answered.length, all.length);
          answered.forEach((body, index) => assert.ok(body.includes(paths[index]!), body));
          assert.deepEqual(asked.toSorted(), paths.toSorted());
          for (const [path, body] of Object.entries(sent)) assert.equal(bodies[path], body);
          socket.destroy();
        },
      ),
      { numRuns: 100 },
    );
  },
);

test('a bad request behind many good ones is refused in its turn', { timeout: 60_000 }, async (t) => {
  const { asked, client } = await start(t, oneSliceATurn);
  const socket = await client();
  socket.resume().write(`${Array.from({ length: 300 }, (_, index) => get(`/a${index}`)).join('')}nonsense\r\n\r\n`);
  await once(socket, 'end');
  assert.equal(asked.length, 300);
});

test('a large body is read in parts, and others are served in between', { timeout: 60_000 }, async (t) => {
  const { app, asked, bodies, client } = await start(t, oneSliceATurn);
  let stops = 0;
  app.server.on('connection', (socket: Socket) => {
    const handle = (socket as Socket & { _handle: { readStop: () => number } })._handle;
    const readStop = handle.readStop.bind(handle);
    handle.readStop = () => {
      stops += 1;
      return readStop();
    };
  });
  const socket = await client();
  const body = 'x'.repeat(8 * 1024 * 1024);
  socket.write(post('/large', `content-length: ${body.length}`, body));
  await answers(socket, 1);
  assert.deepEqual(asked, ['/large']);
  assert.equal(bodies['/large'], body);
  assert.ok(stops >= 20, `8 MiB were read in ${stops} parts`);
});

test('bodies that all bring one byte at a time are read in many turns', { timeout: 60_000 }, async (t) => {
  const turns = loopTurns(t);
  const seen = new Set<number>();
  let bytes = 0;
  const reserve = (): void => {
    bytes += 1;
    seen.add(turns.count);
  };
  const { client } = await start(t, oneSliceATurn, undefined, { ...boundless, reserve });
  const sockets: Socket[] = [];
  while (sockets.length < 30) sockets.push(await client());
  for (const socket of sockets) socket.write(post('/slow', 'content-length: 100', ''));
  for (let sent = 1; sent <= 12; sent += 1) {
    seen.clear();
    for (const socket of sockets) socket.write('x');
    while (bytes < sent * sockets.length) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(seen.size >= 15, `the last byte of 30 bodies was read in ${seen.size} turns`);
});
