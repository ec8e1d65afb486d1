/**
 * A readiness probe like that of a kubelet: a new connection, one second for the answer, ready on 200. The second passes while this process
 * runs: a pause of the supervisor on a busy machine is none of the pod.
 */
import { get } from 'node:http';
import { paths } from '../../contract/headers.ts';
import type { ProbeResult } from './policy/readiness.ts';

const timeoutMs = 1000;
/** Part of the timeout that passes in one turn of the event loop at most. */
const sliceMs = 100;
const maxReasonBytes = 300;

export function probeReadiness(origin: string): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const timeout = new AbortController();
    let leftMs = timeoutMs;
    const timer = setInterval(() => {
      leftMs -= sliceMs;
      if (leftMs <= 0) timeout.abort();
    }, sliceMs);
    timer.unref();
    const request = get(`${origin}${paths.ready}`, { agent: false, signal: timeout.signal });
    request.once('close', () => clearInterval(timer));
    request.once('error', ({ name, message }) => {
      const why = name === 'AbortError' ? `no answer in ${timeoutMs} ms` : message;
      resolve({ kind: 'no-answer', reason: `health probe: ${why}` });
    });
    request.once('response', (response) => {
      if (response.statusCode === 200) {
        response.resume();
        resolve({ kind: 'ready' });
        return;
      }
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        if (body.length < maxReasonBytes) body += text;
      });
      // An incomplete answer counts as an answer.
      response.once('error', () => undefined);
      response.once('close', () =>
        resolve({ kind: 'not-ready', reason: `health probe: ${response.statusCode ?? 0}${reasonIn(body)}` }),
      );
    });
  });
}

/** Extracts the pod's own reason from the body. */
function reasonIn(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return typeof error === 'string' ? `, ${error}` : '';
  } catch {
    return '';
  }
}
