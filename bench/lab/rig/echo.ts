/**
 * Yardstick: a bare Fastify server that echoes bodies, in a process of its own (`node bench/lab/rig/echo.ts`). It does
 * what any server in Node must do for a request, and nothing for a model. JSON is parsed; `/parse` then sends the bytes
 * back unchanged, every other path serializes the value again, as `(request) => request.body` does.
 */
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { mediaTypes } from '../../../contract/headers.ts';

const bodyLimit = 64 * 1024 * 1024;

const app = fastify({ bodyLimit });
app.addContentTypeParser(mediaTypes.binary, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/*', (request) => request.body);
await app.register((parsing, _options, done) => {
  parsing.addContentTypeParser(mediaTypes.json, { parseAs: 'buffer' }, (_request, body, parsed) => {
    JSON.parse(body.toString());
    parsed(null, body);
  });
  parsing.post('/parse', (request, reply) => reply.type(mediaTypes.json).send(request.body));
  done();
});
app.get('/metrics', () => {
  const { user, system } = process.cpuUsage();
  return `process_cpu_seconds_total ${(user + system) / 1e6}\n`;
});
await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });

process.send?.({ kind: 'listening', port: (app.server.address() as AddressInfo).port });
process.on('disconnect', () => process.exit());
