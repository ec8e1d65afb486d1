/** `GET /load` and `GET /load/stream` of the admin port: the gateway's load report, for the scaler. */
import type { FastifyInstance } from 'fastify';
import type { LoadReport } from '../../contract/load-report.ts';
import { mediaTypes } from '../../contract/headers.ts';
import { route } from '../../runtime/http/routes.ts';
import type { LoadStream } from '../telemetry/load-stream.ts';

export function loadRoutes(admin: FastifyInstance, stream: LoadStream, report: () => LoadReport): void {
  route(admin, '/load', { right: 'observe', GET: (_request, reply) => void reply.send(report()) });
  route(admin, '/load/stream', {
    right: 'peer',
    GET: (_request, reply) => {
      reply.hijack();
      const { raw: response } = reply;
      response.writeHead(200, { 'content-type': mediaTypes.lines, 'cache-control': 'no-store' });
      stream.add(response);
    },
  });
}
