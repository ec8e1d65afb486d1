/** Calls from the scaler to a pod: read its status, and tell it to drain or to resume. */
import { paths } from '../../contract/headers.ts';
import { readPodProbe } from '../../contract/pod-probe.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import type { HttpClient } from '../http-client.ts';

export type ProbeAnswer =
  | { readonly kind: 'status'; readonly state: PodStatus['state']; readonly inFlight: number }
  /** Ready server of another make, which does not tell its requests in flight. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'failed'; readonly refused: boolean; readonly detail: string };

export type DrainAnswer =
  | { readonly kind: 'done' }
  /** Server without `/drain`: only its gateways can stop sending. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'failed'; readonly refused: boolean; readonly detail: string };

export interface PodCalls {
  probe(origin: string): Promise<ProbeAnswer>;
  /** @param on false tells the pod to resume */
  drain(origin: string, on: boolean): Promise<DrainAnswer>;
}

const timeoutMs = 2_000;

export function podCalls(http: HttpClient): PodCalls {
  return {
    async probe(origin) {
      const answer = await http.call('GET', `${origin}${paths.podStatus}`, timeoutMs);
      if (answer.kind === 'failed') return answer;
      const probe = readPodProbe(answer.status, answer.body);
      if (probe.kind === 'failed') return { ...probe, refused: false };
      if (probe.kind === 'status') {
        const { state, inFlight } = probe.status;
        return { kind: 'status', state, inFlight };
      }
      const ready = await http.call('GET', `${origin}${paths.ready}`, timeoutMs);
      if (ready.kind === 'failed') return ready;
      if (ready.status === 200) return { kind: 'foreign' };
      return { kind: 'failed', refused: false, detail: `${paths.ready} answered ${ready.status}` };
    },
    async drain(origin, on) {
      const answer = await http.call(on ? 'POST' : 'DELETE', `${origin}${paths.drain}`, timeoutMs);
      if (answer.kind === 'failed') return answer;
      if (answer.status === 200) return { kind: 'done' };
      if ([404, 405, 501].includes(answer.status)) return { kind: 'foreign' };
      return { kind: 'failed', refused: false, detail: `${paths.drain} answered ${answer.status}` };
    },
  };
}
