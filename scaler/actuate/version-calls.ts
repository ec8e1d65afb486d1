/** Calls from the scaler to a pod about versions of models: what it has, and what the pool wishes. */
import { paths } from '../../contract/headers.ts';
import type { VersionWish } from '../../contract/model-versions.ts';
import { readPodProbe } from '../../contract/pod-probe.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import { refusedSecret, type HttpClient } from '../http-client.ts';

export type VersionAnswer =
  | { readonly kind: 'status'; readonly status: Pick<PodStatus, 'uid' | 'state' | 'models' | 'memoryLimitBytes'> }
  /** A server of another make, or a pod from before wishes: it serves what it has. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'failed'; readonly detail: string };

export interface VersionCalls {
  /** Reads what versions the pod has. */
  read(origin: string): Promise<VersionAnswer>;
  /** Tells a pod that is known to be one of this system which versions are wished. */
  wish(origin: string, wish: VersionWish): Promise<VersionAnswer>;
}

const timeoutMs = 2_000;

export function versionCalls(http: HttpClient): VersionCalls {
  return {
    async read(origin) {
      const answer = await http.call('GET', `${origin}${paths.podStatus}`, timeoutMs);
      return answer.kind === 'failed' ? answer : readPodProbe(answer.status, answer.body);
    },
    async wish(origin, wish) {
      const answer = await http.post(`${origin}${paths.versions}`, JSON.stringify(wish), timeoutMs);
      if (answer.kind === 'failed') return answer;
      if (answer.status === 401) return { kind: 'failed', detail: refusedSecret };
      if (answer.status === 405 || answer.status === 501) return { kind: 'foreign' };
      return readPodProbe(answer.status, answer.body);
    },
  };
}
