/**
 * The live page on the scaler's admin port: its files, the history for its lines, and the form's way to a gateway.
 *
 *   GET  /                     the page, GET /page/<file> what it is made of
 *   GET  /api/history          the last minutes of each pool
 *   GET  /api/models/<model>   what a model takes, from the gateway
 *   POST /api/predict/<model>  a predict request (JSON, Open Inference Protocol), through the gateway
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorBody, quote } from '../../contract/errors.ts';
import { mediaTypes } from '../../contract/headers.ts';
import { readAssets, type Asset } from '../page/assets.ts';
import { forward, type Forwarded } from '../page/forward.ts';
import type { ReportHistory } from '../page/history.ts';

export interface PageDeps {
  readonly history: ReportHistory;
  /** Where clients reach a gateway, `http://host:port`; null: the form says that there is none. */
  readonly gatewayUrl: string | null;
}

const maxBodyBytes = 1024 * 1024;

/** Nothing from elsewhere, nothing inline, and no string becomes markup. */
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

  app.get('/', (request, reply) => sendAsset(request, reply, page));
  for (const [name, asset] of assets) {
    if (asset !== page) app.get(`/page/${name}`, (request, reply) => sendAsset(request, reply, asset));
  }

  app.get('/api/history', (_request, reply) => reply.header('cache-control', 'no-store').send(history.report()));

  // What a pod can't say now is no error of the page's: it offers plain JSON then.
  app.get<{ Params: { model: string } }>('/api/models/:model', async ({ params }, reply) => {
    const answer = await ask(reply, `/v2/models/${encodeURIComponent(params.model)}`, null);
    const known = answer.status === 200;
    return await reply
      .headers({ 'content-type': mediaTypes.json, 'cache-control': 'no-store' })
      .send(known ? answer.body : '{"inputs":null}');
  });

  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: maxBodyBytes }, (_r, body, parsed) =>
      parsed(null, body),
    );
    scope.post<{ Params: { model: string } }>('/api/predict/:model', async ({ headers, params, body }, reply) => {
      // A form of a foreign page can't send JSON without being asked first; this is for what else a browser may let by.
      const site = headers['sec-fetch-site'];
      if (site !== undefined && site !== 'same-origin' && site !== 'none') {
        return refuse(reply, 403, `sec-fetch-site must be same-origin, was: ${quote(site)}`);
      }
      const path = `/v2/models/${encodeURIComponent(params.model)}/infer`;
      const answer = await ask(reply, path, body as Buffer<ArrayBuffer>);
      return await reply
        .code(answer.status)
        .headers({ 'content-type': mediaTypes.json, ...answer.headers, 'cache-control': 'no-store' })
        .send(answer.body);
    });
    done();
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
