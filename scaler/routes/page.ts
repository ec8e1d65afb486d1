/**
 * The live page on the scaler's admin port: its files, the history for its charts, and the form's requests to a gateway.
 *
 *   GET  /                     the page, with its scripts and styles under GET /page/<file>
 *   GET  /api/history          the last minutes or hours of each pool
 *   GET  /runbooks/<alert>     what to do, as text
 *   GET  /api/models/<model>   metadata of a model, from the gateway
 *   POST /api/predict/<model>  a predict request (JSON, Open Inference Protocol), through the gateway
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorBody, quote, SluiceError } from '../../contract/errors.ts';
import { mediaTypes } from '../../contract/headers.ts';
import { historyWindows, isHistoryWindow } from '../../contract/history-report.ts';
import { readBody, type BodyRoom } from '../../runtime/http/read-body.ts';
import { route } from '../../runtime/http/routes.ts';
import { readAssets, type Asset } from '../page/assets.ts';
import { forward, type Forwarded } from '../page/forward.ts';
import type { ReportHistory } from '../page/history.ts';
import { readRunbooks } from '../page/runbooks.ts';

export interface PageDeps {
  readonly history: ReportHistory;
  /** Address at which clients reach a gateway, `http://host:port`; null: the form says that there is none. */
  readonly gatewayUrl: string | null;
}

const maxBodyBytes = 1024 * 1024;

/** Headers by which a browser loads nothing from elsewhere, runs nothing inline, and makes no string into markup. */
const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export function pageRoutes(app: FastifyInstance, { history, gatewayUrl }: PageDeps): void {
  const assets = readAssets();
  const page = assets.get('page.html');
  if (page === undefined) throw new Error('page.html of the live page is missing beside its code');

  route(app, '/', { right: 'observe', GET: (request, reply) => sendAsset(request, reply, page) });
  for (const [name, asset] of assets) {
    if (asset === page) continue;
    route(app, `/page/${name}`, { right: 'observe', GET: (request, reply) => sendAsset(request, reply, asset) });
  }

  route(app, '/api/history', {
    right: 'observe',
    GET: (request, reply) => {
      const { window = '5m', pool = null } = request.query as { window?: unknown; pool?: unknown };
      if (typeof window !== 'string' || !isHistoryWindow(window)) {
        const names = Object.keys(historyWindows).join(', ');
        throw new SluiceError('invalid-request', `window: must be one of ${names}, was: ${quote(window)}`);
      }
      if (typeof pool !== 'string' && pool !== null) {
        throw new SluiceError('invalid-request', `pool: must be one name, was: ${quote(pool)}`);
      }
      return reply.header('cache-control', 'no-store').send(history.report(window, pool));
    },
  });

  const runbooks = readRunbooks();
  route(app, '/runbooks/:alert', {
    right: 'observe',
    GET: (request, reply) => {
      const { alert } = request.params as { alert: string };
      const text = runbooks.get(alert);
      if (text === undefined) throw new SluiceError('route-not-found', `there is no runbook ${quote(alert)}`);
      return reply.headers(securityHeaders).type('text/plain; charset=utf-8').send(text);
    },
  });

  route(app, '/api/models/:model', {
    right: 'observe',
    GET: async (request, reply) => {
      const answer = await ask(reply, `/v2/models/${encodeURIComponent(modelOf(request))}`, null);
      // A model that no pod describes now is no error of the page: it offers plain JSON instead.
      const known = answer.status === 200;
      return reply
        .headers({ 'content-type': mediaTypes.json, 'cache-control': 'no-store' })
        .send(known ? answer.body : '{"inputs":null}');
    },
  });

  route(app, '/api/predict/:model', {
    right: 'predict',
    POST: async (request, reply) => {
      const { headers } = request;
      // Browsers ask before they let a foreign page send JSON; this check is for anything else that they let through.
      const site = headers['sec-fetch-site'];
      if (site !== undefined && site !== 'same-origin' && site !== 'none') {
        return refuse(reply, 403, `sec-fetch-site must be same-origin, was: ${quote(site)}`);
      }
      const contentType = headers['content-type'];
      if (contentType === undefined || !jsonType.test(contentType)) {
        const message = `Content-Type: must be ${mediaTypes.json}, was: ${quote(contentType)}`;
        throw new SluiceError('unsupported-media-type', message);
      }
      const body = await wholeBody(request.raw);
      const answer = await ask(reply, `/v2/models/${encodeURIComponent(modelOf(request))}/infer`, body);
      return reply
        .code(answer.status)
        .headers({ 'content-type': mediaTypes.json, ...answer.headers, 'cache-control': 'no-store' })
        .send(answer.body);
    },
  });

  async function ask(reply: FastifyReply, path: string, body: Buffer<ArrayBuffer> | null): Promise<Forwarded> {
    if (gatewayUrl === null) return failed(503, 'this scaler was not told where a gateway takes requests');
    const left = new AbortController();
    reply.raw.on('close', () => left.abort());
    try {
      return await forward(gatewayUrl, path, body, left.signal);
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError')
        return failed(504, 'the gateway gave no answer in time');
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      return failed(502, `the gateway at ${gatewayUrl} can't be reached: ${describe(cause)}`);
    }
  }
}

const jsonType = /^application\/json\s*(;|$)/i;

function modelOf(request: FastifyRequest): string {
  return (request.params as { model: string }).model;
}

/** A person's request is small, and few are sent: its body needs a limit, and no account of all together. */
const checkForm = (bodyBytes: number): void => {
  if (bodyBytes <= maxBodyBytes) return;
  throw new SluiceError('body-too-large', `the body is over the page's limit of ${maxBodyBytes} bytes`);
};
const formRoom: BodyRoom = { check: checkForm, reserve: checkForm, release: () => undefined };

/** Stays pending for ever if the client leaves: nobody waits for the answer then. */
function wholeBody(message: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    readBody(message, formRoom, (error, { parts }) => {
      if (error === null) resolve(Buffer.concat(parts));
      else reject(error);
    });
  });
}

function failed(status: number, message: string): Forwarded {
  return { status, headers: {}, body: errorBody(message) };
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function refuse(reply: FastifyReply, status: number, message: string): FastifyReply {
  return reply.code(status).type(mediaTypes.json).header('cache-control', 'no-store').send(errorBody(message));
}

function sendAsset(request: FastifyRequest, reply: FastifyReply, { type, etag, bytes }: Asset): FastifyReply {
  void reply.headers({ ...securityHeaders, etag, 'cache-control': 'no-cache' });
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  return reply.type(type).send(bytes);
}
