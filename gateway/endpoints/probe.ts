/** Asks a pod for its status: `GET /v2/pod`, or the readiness path of a foreign server. */
import { paths } from '../../contract/headers.ts';
import { readPodProbe } from '../../contract/pod-probe.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import { LoopTimeout, type LoopClock } from './loop-clock.ts';
import type { PodConnection } from './pod-connection.ts';

export type ProbeResult =
  /** Serves at least one model, or is done with loading. `status` is null for a foreign server, which has none. */
  | { readonly kind: 'ready'; readonly status: PodStatus | null }
  | { readonly kind: 'draining'; readonly status: PodStatus }
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly detail: string };

const probeTimeoutMs = 1_000;

/** Calls `done` once, within the timeout. */
export function probePod(upstream: PodConnection, clock: LoopClock, done: (result: ProbeResult) => void): void {
  const get = (path: string, onAnswer: (status: number, body: Buffer) => void): void => {
    const call = upstream.get(path, {
      onAnswer: (answer) => {
        timeout.clear();
        onAnswer(answer.status, answer.body);
      },
      onLost: (kind, detail) => {
        timeout.clear();
        done({ kind: 'failed', detail: `${path}: ${kind}: ${detail}` });
      },
    });
    const timeout = new LoopTimeout(probeTimeoutMs, clock, () =>
      call.abort('hung', `no answer in ${probeTimeoutMs} ms`),
    );
  };
  get(paths.podStatus, (status, body) => {
    const probe = readPodProbe(status, body.toString());
    if (probe.kind === 'foreign') {
      get(paths.ready, (ready) => done(ready === 200 ? { kind: 'ready', status: null } : { kind: 'loading' }));
    } else if (probe.kind === 'failed') {
      done(probe);
    } else if (probe.status.state === 'draining') {
      done({ kind: 'draining', status: probe.status });
    } else if (probe.status.state === 'loading' && !probe.status.models.some((model) => model.ready)) {
      done({ kind: 'loading' });
    } else {
      done({ kind: 'ready', status: probe.status });
    }
  });
}
