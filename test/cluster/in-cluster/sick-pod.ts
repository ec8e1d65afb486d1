/**
 * A pod that can be made sick: a real model server behind a proxy in the same container, which lets everything through until
 * it is told otherwise. GET /fault?kind=… at port 9000: none, hang, errors, garbage, slow. GET /fault says when it was told, when,
 * in ms since then, which address has seen the fault, and when this process has waited for a core, and for how long.
 *
 * Self-contained: it is mounted as one file into the image.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import process from 'node:process';

const inner = 8001;
/** A slow pod takes so many times as long as it needs, however long that is on this machine at this moment. */
const slowTimes = 20;
const lookMs = 20;
let fault = process.env.FAULT ?? 'none';
let toldAtMs = 0;
let toldAtUnixMs = 0;
let seenMs: Record<string, number[]> = {};
let waits: { readonly atMs: number; readonly forMs: number }[] = [];
let lookedMs = performance.now();
setInterval(() => {
  const nowMs = performance.now();
  const forMs = nowMs - lookedMs - lookMs;
  if (fault !== 'none' && forMs > 1) waits.push({ atMs: nowMs - toldAtMs, forMs });
  lookedMs = nowMs;
}, lookMs);

const server = spawn(process.execPath, ['/app/cli/sluice.js', 'model-server', '--port', String(inner)], {
  stdio: 'inherit',
});
server.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)));
process.on('SIGTERM', () => server.kill('SIGTERM'));

/** Each item of an envelope answered with a status of its own, in the form of contract/envelope.ts. */
function refused(envelope: Buffer): Buffer {
  const parts: Buffer[] = [];
  const frame = (head: object, body: string): void => {
    const bytes = Buffer.from(JSON.stringify(head));
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(bytes.length, 0);
    lengths.writeUInt32LE(Buffer.byteLength(body), 4);
    parts.push(lengths, bytes, Buffer.from(body));
  };
  let items = 0;
  for (let at = 0; at < envelope.length; items += 1) {
    const [headLength, bodyLength] = [envelope.readUInt32LE(at), envelope.readUInt32LE(at + 4)];
    const { index } = JSON.parse(envelope.subarray(at + 8, at + 8 + headLength).toString()) as { index: number };
    frame({ index, status: 500, contentType: 'application/json', rows: 1, run: 0 }, '{"error":"sick on purpose"}');
    at += 8 + headLength + bodyLength;
  }
  const runs = [{ rows: items, ownRows: items, queueUs: 0, occupiedUs: 1000 }];
  frame({ runs, queuedRows: 0, inFlight: 0, draining: false }, '');
  return Buffer.concat(parts);
}

function forward(request: http.IncomingMessage, body: Buffer, response: http.ServerResponse, times = 1): void {
  const { method = 'GET', url = '/', headers } = request;
  const askedMs = performance.now();
  const passed = http.request({ port: inner, method, path: url, headers, agent: false }, (answer) => {
    const pass = (): void => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    };
    if (times === 1) pass();
    else setTimeout(pass, (times - 1) * (performance.now() - askedMs));
  });
  passed.on('error', () => response.destroy());
  passed.end(body);
}

http
  .createServer((request, response) => {
    const work = request.method === 'POST' && request.url?.startsWith('/drain') === false;
    const seen = (): void => {
      if (request.url !== '/v2/envelope') return;
      (seenMs[request.socket.remoteAddress ?? ''] ??= []).push(Math.round(performance.now() - toldAtMs));
    };
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      // A hanging server hangs for probes too; the others look well to whoever only looks.
      if (fault === 'hang') {
        seen();
        return;
      }
      if (!work || fault === 'none') {
        forward(request, body, response);
        return;
      }
      response.on('finish', seen);
      if (fault === 'slow') forward(request, body, response, slowTimes);
      else if (fault === 'garbage') response.end(randomBytes(200));
      else if (request.url === '/v2/envelope') {
        response.setHeader('content-type', 'application/vnd.sluice.envelope');
        response.end(refused(body));
      } else {
        response.statusCode = 500;
        response.end('{"error":"sick on purpose"}');
      }
    });
  })
  .listen(8000);

http
  .createServer((request, response) => {
    const kind = new URL(request.url ?? '/', 'http://control').searchParams.get('kind');
    if (kind !== null) {
      fault = kind;
      toldAtMs = performance.now();
      toldAtUnixMs = Date.now();
      seenMs = {};
      waits = [];
      process.stdout.write(`fault: ${fault}\n`);
    }
    response.end(JSON.stringify({ fault, toldAtUnixMs, seenMs, waits }));
  })
  .listen(9000);
