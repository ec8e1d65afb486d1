/** `/api` of the scaler: what it knows of the pools, why it did what it did, and both as a stream of server-sent events. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { mediaTypes } from '../../contract/headers.ts';
import type { Scaler } from '../scaler.ts';

/** Bytes that a reader may be behind: some reports of 10,000 pods. One that is slower is let go, and connects anew. */
const mostBehindBytes = 8 * 1024 * 1024;

export interface Streams {
  close(): void;
}

export function apiRoutes(
  app: FastifyInstance,
  scaler: Pick<Scaler, 'report' | 'decisions' | 'subscribe'>,
  noPool: (pool: string) => object,
): Streams {
  app.get('/api/pools', () => scaler.report());
  app.get<{ Params: { pool: string } }>('/api/pools/:pool/decisions', (request, reply) => {
    const { pool } = request.params;
    const records = scaler.decisions(pool);
    if (records === null) return reply.code(404).type(mediaTypes.problem).send(noPool(pool));
    return reply.send(records);
  });

  const open = new Set<ServerResponse>();
  app.get('/api/stream', (_request, reply) => {
    reply.hijack();
    const { raw: response } = reply;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const send = (event: string, data: unknown): void => {
      if (response.writableLength > mostBehindBytes) response.destroy();
      else response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    };
    send('pools', scaler.report());
    const stop = scaler.subscribe({
      // The next one says it all: a slow reader gets fewer, and the newest.
      onPools: (report) => {
        if (response.writableLength === 0) send('pools', report);
      },
      onDecision: (record) => send('decision', record),
    });
    open.add(response);
    response.on('error', () => undefined);
    response.once('close', () => {
      open.delete(response);
      stop();
    });
  });
  return {
    close: () => {
      for (const response of open) response.end();
    },
  };
}
