/**
 * Stands between Sluice and the API server, passes everything on with the caller's own token, and counts who asked for what.
 * At port 9000: GET /counts gives {"<service account> <verb> <resource>": {"count": n, "statuses": {"200": n}}}, and
 * GET /away?is=true has it break its connections and refuse others until /away?is=false.
 *
 * Self-contained: it is mounted as one file into the image. Speaks HTTP to Sluice, HTTPS to the API server.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import process from 'node:process';

const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const ca = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt');
const agent = new https.Agent({ keepAlive: true, ca });
const counts: Record<string, { count: number; statuses: Record<string, number> }> = {};

/** Name of the service account in a token, which is a JSON Web Token. */
function callerOf(authorization: string | undefined): string {
  const payload = authorization?.split('.')[1];
  if (payload === undefined) return 'nobody';
  const { sub } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub?: string };
  return sub?.split(':').at(-1) ?? 'nobody';
}

/** Verb and resource of an API request, as RBAC names them. */
function verbAndResource(method: string, url: URL): string {
  const [, root, ...rest] = url.pathname.split('/');
  const [group, afterGroup] = root === 'api' ? ['', rest.slice(1)] : [rest[0] ?? '', rest.slice(2)];
  const [resource = '', name, subresource] = afterGroup[0] === 'namespaces' ? afterGroup.slice(2) : afterGroup;
  const full =
    [resource, subresource].filter((part) => part !== undefined).join('/') + (group === '' ? '' : `.${group}`);
  const reading = url.searchParams.get('watch') === 'true' ? 'watch' : name === undefined ? 'list' : 'get';
  const verbs: Record<string, string> = {
    GET: reading,
    POST: 'create',
    PUT: 'update',
    PATCH: 'patch',
    DELETE: 'delete',
  };
  return `${verbs[method] ?? method} ${full}`;
}

const api = http.createServer((request, response) => {
  const { method = 'GET', url = '/', headers } = request;
  const what = `${callerOf(headers.authorization)} ${verbAndResource(method, new URL(url, 'http://api'))}`;
  const entry = (counts[what] ??= { count: 0, statuses: {} });
  entry.count += 1;
  const passed = https.request({ host, port, method, path: url, headers: { ...headers, host }, agent }, (answer) => {
    const status = String(answer.statusCode ?? 0);
    entry.statuses[status] = (entry.statuses[status] ?? 0) + 1;
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    // A watch may have nothing to say for a long time.
    response.flushHeaders();
    answer.pipe(response);
  });
  passed.on('error', () => response.destroy());
  response.on('close', () => passed.destroy());
  request.pipe(passed);
});
api.listen(8001);

http
  .createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://control');
    const away = url.pathname === '/away' && url.searchParams.get('is') === 'true';
    if (away && api.listening) {
      api.close();
      api.closeAllConnections();
    } else if (url.pathname === '/away' && !away && !api.listening) api.listen(8001);
    response.end(JSON.stringify(counts));
  })
  .listen(9000);
process.on('SIGTERM', () => process.exit(0));
