/** `/api` of the scaler: its report of the pools, its decisions, the events of the pools, and all as a stream of server-sent events. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { quote, SluiceError } from '../../contract/errors.ts';
import { route } from '../../runtime/http/routes.ts';
import type { Timeline } from '../page/timeline.ts';
import type { Scaler } from '../scaler.ts';

/** Bytes that a reader may be behind: several reports of 10,000 pods. A slower one is cut off, and connects again. */
const mostBehindBytes = 8 * 1024 * 1024;

export interface Streams {
  close(): void;
}

/** Pools beyond which an error does not name them. */
const maxNamedPools = 20;

export interface ApiDeps {
  readonly scaler: Pick<Scaler, 'report' | 'decisions' | 'subscribe'>;
  readonly timeline: Pick<Timeline, 'events' | 'subscribe'>;
}

export function apiRoutes(app: FastifyInstance, { scaler, timeline }: ApiDeps): Streams {
  route(app, '/api/pools', { right: 'observe', GET: (_request, reply) => reply.send(scaler.report()) });
  route(app, '/api/pools/:pool/decisions', {
    right: 'observe',
    GET: (request, reply) => {
      const { pool } = request.params as { pool: string };
      const records = scaler.decisions(pool);
      if (records === null) {
        const names = scaler.report().pools.map(({ name }) => name);
        const known = names.length > 0 && names.length <= maxNamedPools ? `; pools: ${names.join(', ')}` : '';
        throw new SluiceError('route-not-found', `there is no pool ${quote(pool)}${known}`);
      }
      return reply.send(records);
    },
  });

  route(app, '/api/events', {
    right: 'observe',
    GET: (_request, reply) => reply.header('cache-control', 'no-store').send(timeline.events),
  });

  const open = new Set<ServerResponse>();
  const stream = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const send = (event: string, data: unknown): void => {
      if (response.writableLength > mostBehindBytes) response.destroy();
      else response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    };
    send('pools', scaler.report());
    const stop = scaler.subscribe({
      // A report replaces those before it: a slow reader gets fewer, and the newest.
      onPools: (report) => {
        if (response.writableLength === 0) send('pools', report);
      },
      onDecision: (record) => send('decision', record),
    });
    const stopEvents = timeline.subscribe((event) => send('event', event));
    open.add(response);
    response.on('error', () => undefined);
    response.once('close', () => {
      open.delete(response);
      stop();
      stopEvents();
    });
  };
  route(app, '/api/stream', {
    right: 'observe',
    GET: (_request, reply) => {
      reply.hijack();
      stream(reply.raw);
    },
  });
  return {
    close: () => {
      for (const response of open) response.end();
    },
  };
}
