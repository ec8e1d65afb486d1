/** Calls from the scaler to a pod: read its status, and tell it to drain for a while, or to resume. */
import { paths } from '../../contract/headers.ts';
import { readPodProbe } from '../../contract/pod-probe.ts';
import type { PodDrain, PodStatus } from '../../contract/pod-status.ts';
import { refusedSecret, type HttpClient } from '../http-client.ts';
import type { LeaseOwner } from '../policy/drain-lease.ts';

export type ProbeAnswer =
  | {
      readonly kind: 'status';
      readonly state: PodStatus['state'];
      readonly inFlight: number;
      /** Lease by which it drains; absent if it does not, if it ends, or if it is from before leases. */
      readonly drain?: PodDrain | undefined;
    }
  /** Ready server of another make, which does not tell its requests in flight. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'failed'; readonly refused: boolean; readonly detail: string };

export type DrainAnswer =
  /** Drains, or serves again. The lease is absent after a resumption, and at a pod from before leases. */
  | { readonly kind: 'done'; readonly drain?: PodDrain | undefined }
  /** The drain is somebody else's. */
  | { readonly kind: 'held' }
  /** Server without `/drain`: only its gateways can stop sending. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'failed'; readonly refused: boolean; readonly detail: string };

export interface PodCalls {
  probe(origin: string): Promise<ProbeAnswer>;
  /** Drains the pod for `ttlMs` at most, or renews the owner's drain. */
  drain(origin: string, owner: LeaseOwner, ttlMs: number): Promise<DrainAnswer>;
  /** Ends the owner's drain. */
  resume(origin: string, owner: LeaseOwner): Promise<DrainAnswer>;
}

const timeoutMs = 2_000;

export function podCalls(http: HttpClient): PodCalls {
  const tell = async (method: 'POST' | 'DELETE', origin: string, query: URLSearchParams): Promise<DrainAnswer> => {
    // A look first: a server of another make, such as Triton in a Deployment of its own, must not get the shared secret.
    const status = await http.call('GET', `${origin}${paths.podStatus}`, timeoutMs);
    if (status.kind === 'failed') return status;
    const found = readPodProbe(status.status, status.body);
    if (found.kind === 'foreign') return found;
    if (found.kind === 'failed') return { ...found, refused: false };
    const answer = await http.call(method, `${origin}${paths.drain}?${query.toString()}`, timeoutMs);
    if (answer.kind === 'failed') return answer;
    if (answer.status === 200) {
      const probe = readPodProbe(answer.status, answer.body);
      return { kind: 'done', drain: probe.kind === 'status' ? probe.status.drain : undefined };
    }
    if (answer.status === 409) return { kind: 'held' };
    if (answer.status === 401) return { kind: 'failed', refused: false, detail: refusedSecret };
    if ([404, 405, 501].includes(answer.status)) return { kind: 'foreign' };
    return { kind: 'failed', refused: false, detail: `${paths.drain} answered ${answer.status}` };
  };
  return {
    async probe(origin) {
      const answer = await http.call('GET', `${origin}${paths.podStatus}`, timeoutMs);
      if (answer.kind === 'failed') return answer;
      const probe = readPodProbe(answer.status, answer.body);
      if (probe.kind === 'failed') return { ...probe, refused: false };
      if (probe.kind === 'status') {
        const { state, inFlight, drain } = probe.status;
        return { kind: 'status', state, inFlight, drain };
      }
      const ready = await http.call('GET', `${origin}${paths.ready}`, timeoutMs);
      if (ready.kind === 'failed') return ready;
      if (ready.status === 200) return { kind: 'foreign' };
      return { kind: 'failed', refused: false, detail: `${paths.ready} answered ${ready.status}` };
    },
    drain: (origin, owner, ttlMs) => tell('POST', origin, queryOf(owner, { ttlMs: String(ttlMs) })),
    resume: (origin, owner) => tell('DELETE', origin, queryOf(owner)),
  };
}

function queryOf({ holder, generation }: LeaseOwner, more: Record<string, string> = {}): URLSearchParams {
  return new URLSearchParams({ holder, generation: String(generation), ...more });
}
