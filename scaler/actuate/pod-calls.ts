/** What the scaler asks of a pod: its own count, whether it is well, and to drain. */
import { paths } from '../../contract/headers.ts';
import { readPodProbe } from '../../contract/pod-probe.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import type { Http } from '../http.ts';

export type Probe =
  | { readonly kind: 'status'; readonly state: PodStatus['state']; readonly inFlight: number }
  /** A server of others that is ready; it does not count for us. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'failed'; readonly refused: boolean; readonly detail: string };

export type DrainAnswer =
  | { readonly kind: 'done' }
  /** It has no such path: only its gateways can stop sending. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'failed'; readonly refused: boolean; readonly detail: string };

export interface PodCalls {
  probe(origin: string): Promise<Probe>;
  /** @param on false: it takes up work again */
  drain(origin: string, on: boolean): Promise<DrainAnswer>;
}

const limitMs = 2_000;

export function podCalls(http: Http): PodCalls {
  return {
    async probe(origin) {
      const answer = await http.call('GET', `${origin}${paths.podStatus}`, limitMs);
      if (answer.kind === 'failed') return answer;
      const probe = readPodProbe(answer.status, answer.body);
      if (probe.kind === 'failed') return { ...probe, refused: false };
      if (probe.kind === 'status') {
        const { state, inFlight } = probe.status;
        return { kind: 'status', state, inFlight };
      }
      const ready = await http.call('GET', `${origin}${paths.ready}`, limitMs);
      if (ready.kind === 'failed') return ready;
      if (ready.status === 200) return { kind: 'foreign' };
      return { kind: 'failed', refused: false, detail: `${paths.ready} answered ${ready.status}` };
    },
    async drain(origin, on) {
      const answer = await http.call(on ? 'POST' : 'DELETE', `${origin}/drain`, limitMs);
      if (answer.kind === 'failed') return answer;
      if (answer.status === 200) return { kind: 'done' };
      if ([404, 405, 501].includes(answer.status)) return { kind: 'foreign' };
      return { kind: 'failed', refused: false, detail: `/drain answered ${answer.status}` };
    },
  };
}
