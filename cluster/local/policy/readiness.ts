/**
 * What answers to probes say of a pod, as a kubelet judges them: one good answer makes it ready, three bad ones in a
 * row make it not ready, and a process that was ready once and then says nothing at all for long is to be ended.
 */
export type ProbeResult =
  | { readonly kind: 'ready' }
  /** It answered, with something other than 200. */
  | { readonly kind: 'not-ready'; readonly reason: string }
  | { readonly kind: 'no-answer'; readonly reason: string };

export interface ReadinessConfig {
  readonly startingIntervalMs: number;
  readonly steadyIntervalMs: number;
  /** Bad answers in a row until a ready pod is not. */
  readonly failureThreshold: number;
  /** Probes in a row without any answer until a pod that was ready once is ended. */
  readonly silenceThreshold: number;
}

export const readinessConfig: ReadinessConfig = {
  startingIntervalMs: 50,
  steadyIntervalMs: 1000,
  failureThreshold: 3,
  silenceThreshold: 15,
};

export interface Readiness {
  readonly ready: boolean;
  readonly wasReady: boolean;
  /** In a row. */
  readonly failures: number;
  readonly silences: number;
  /** Why it is not ready, null while it is. */
  readonly reason: string | null;
}

export const notProbedYet: Readiness = { ready: false, wasReady: false, failures: 0, silences: 0, reason: 'starting' };

export function observeProbe(config: ReadinessConfig, before: Readiness, result: ProbeResult): Readiness {
  if (result.kind === 'ready') return { ready: true, wasReady: true, failures: 0, silences: 0, reason: null };
  const failures = before.failures + 1;
  const ready = before.ready && failures < config.failureThreshold;
  return {
    ready,
    wasReady: before.wasReady,
    failures,
    silences: result.kind === 'no-answer' ? before.silences + 1 : 0,
    reason: ready ? null : result.reason,
  };
}

/** True when only ending the process can help. A pod that is still starting may take as long as its models need. */
export function isStuck(config: ReadinessConfig, seen: Readiness): boolean {
  return seen.wasReady && seen.silences >= config.silenceThreshold;
}

export function nextProbeMs(config: ReadinessConfig, seen: Readiness): number {
  return seen.wasReady ? config.steadyIntervalMs : config.startingIntervalMs;
}
