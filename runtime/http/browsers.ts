/**
 * Guards against pages that a browser shows its user. A page may send forms anywhere, and a name that its owner points at this
 * machine lets it read answers too (DNS rebinding). Programs are not affected: they send no Origin, and name the host they mean.
 */
import { isIP } from 'node:net';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { quote, SluiceError } from '../../contract/errors.ts';
import { headers as names, mediaTypes } from '../../contract/headers.ts';

/** Rights of browsers at a port. */
export interface BrowserRules {
  /** Names beside the usual ones by which the port is reached, `*.example.com` for all below; null lets any pass. */
  readonly allowedHosts: readonly string[] | null;
  /** Origins whose pages may send requests and read the answers; `*` is all of them. */
  readonly corsOrigins: readonly string[];
}

/** Why a request that a foreign page may have made is refused; null if it is not. */
export function foreignPage(
  { method = 'GET', headers }: IncomingMessage,
  { allowedHosts }: BrowserRules,
): string | null {
  const { host, origin } = headers;
  if (allowedHosts === null) return null;
  if (host !== undefined && !isOwnName(host, allowedHosts)) {
    return `header 'host' names none of this server's names, was: ${quote(host)} (--allowed-hosts)`;
  }
  if (origin === undefined || method === 'GET' || method === 'HEAD') return null;
  return origin === `http://${host}` || origin === `https://${host}`
    ? null
    : `header 'origin' must be that of this server's own page, was: ${quote(origin)}`;
}

/** Names that no stranger can point elsewhere: addresses, this machine, names without a dot, and those of a cluster. */
function isOwnName(host: string, allowedHosts: readonly string[]): boolean {
  const name = host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
  if (!name.includes('.') || name.startsWith('[') || isIP(name) !== 0) return true;
  if (/\.(?:localhost|svc|svc\.cluster\.local)$/.test(name)) return true;
  return allowedHosts.some((allowed) =>
    allowed.startsWith('*.') ? name.endsWith(allowed.slice(1)) : name === allowed,
  );
}

const headersForPages = ['content-type', 'content-encoding', 'traceparent', ...Object.values(names)].join(', ');

/** Lets pages of allowed origins read the answer. @returns whether the request was a browser's question, now answered */
export function answerCors(request: IncomingMessage, response: ServerResponse, { corsOrigins }: BrowserRules): boolean {
  const { origin, 'access-control-request-method': asked } = request.headers;
  if (origin === undefined || corsOrigins.length === 0) return false;
  const isAllowed = corsOrigins.includes('*') || corsOrigins.includes(origin);
  response.setHeader('vary', 'origin');
  if (isAllowed) {
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', headersForPages);
  }
  if (request.method !== 'OPTIONS' || asked === undefined) return false;
  const allowed = {
    'access-control-allow-methods': 'GET, HEAD, POST',
    'access-control-allow-headers': headersForPages,
  };
  response.writeHead(204, { ...(isAllowed ? allowed : {}), 'access-control-max-age': '600', 'content-length': '0' });
  response.end();
  return true;
}

/** Media types that a browser sends for any page without asking the server first. */
const formTypes = /^\s*(?:application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\s*(?:;|$)/i;

/** @throws SluiceError `unsupported-media-type` for what a form, or a script of a foreign page, can send without asking */
export function refuseForm(headers: IncomingHttpHeaders): void {
  const type = headers['content-type'];
  if (type === mediaTypes.json) return;
  const isForeign = type === undefined && headers['sec-fetch-site'] !== undefined;
  if (!isForeign && (type === undefined || !formTypes.test(type))) return;
  throw new SluiceError(
    'unsupported-media-type',
    `Content-Type: must be ${mediaTypes.json} or ${mediaTypes.binary}, was: ${quote(type)}`,
  );
}
