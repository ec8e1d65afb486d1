/** POST /v2/unbatched: a gateway tells this pod which models must not be batched any more, as other pods have found. */
import type { FastifyInstance } from 'fastify';
import { Compile } from 'typebox/compile';
import { quote, SluiceError } from '../../contract/errors.ts';
import { paths } from '../../contract/headers.ts';
import { UnbatchedNotice } from '../../contract/unbatched.ts';
import { sendError, type ErrorLog } from '../../runtime/http/errors.ts';
import { readBody, type BodyRoom } from '../../runtime/http/read-body.ts';
import { route } from '../../runtime/http/routes.ts';
import type { PodState } from '../pod-state.ts';

const notice = Compile(UnbatchedNotice);
/** Words of the log for both ways in which a model is unbatched in service. */
export const noLongerBatched = 'requests are no longer batched';
const maxBytes = 16 * 1024 * 1024;

export function unbatchedRoute(app: FastifyInstance, pod: PodState, log: ErrorLog): void {
  route(app, paths.unbatched, {
    right: 'peer',
    POST: (request, reply) => {
      reply.hijack();
      const { raw: response } = reply;
      const refuse = (error: unknown): void => {
        sendError(response, error, { log, close: !request.raw.complete });
      };
      readBody(request.raw, noticeRoom, (error, { parts }) => {
        try {
          if (error !== null) throw error;
          for (const found of readNotice(Buffer.concat(parts)).models) {
            if (!pod.unbatch(found)) continue;
            const { name, version, reason } = found;
            log.error(
              { model: name, version, unbatchedReason: reason },
              `${noLongerBatched}, as another pod has found`,
            );
          }
          response.writeHead(204).end();
        } catch (cause) {
          refuse(cause);
        }
      });
    },
  });
}

const noticeRoom: BodyRoom = {
  check: refuseOver,
  reserve: refuseOver,
  release: () => undefined,
};

function refuseOver(bytes: number): void {
  if (bytes <= maxBytes) return;
  throw new SluiceError('body-too-large', `a notice of ${bytes} bytes is over the limit of ${maxBytes}`);
}

function readNotice(body: Buffer): UnbatchedNotice {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (cause) {
    throw new SluiceError('invalid-request', 'the notice is not JSON', { cause });
  }
  if (notice.Check(value)) return value;
  const [error] = notice.Errors(value);
  throw new SluiceError(
    'invalid-request',
    `${error?.instancePath ?? ''}: ${error?.message ?? ''}, was: ${quote(value)}`,
  );
}
