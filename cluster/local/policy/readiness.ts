/**
 * Readiness of a pod by its probes, as in a kubelet: one success makes it ready, three consecutive failures make it not ready. A
 * process that was ready and then leaves many probes without any answer must be killed.
 */
export type ProbeResult =
  | { readonly kind: 'ready' }
  /** Answer other than 200. */
  | { readonly kind: 'not-ready'; readonly reason: string }
  | { readonly kind: 'no-answer'; readonly reason: string };

export interface ReadinessConfig {
  readonly startingIntervalMs: number;
  readonly steadyIntervalMs: number;
  /** Consecutive failures that make a ready pod not ready. */
  readonly failureThreshold: number;
  /** Consecutive probes without any answer after which a pod that was ready is killed. */
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
  /** Consecutive failed probes. */
  readonly failures: number;
  /** Consecutive probes without any answer. */
  readonly silences: number;
  /** Reason why the pod is not ready; null while it is. */
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

/** Whether the process must be killed. Pods that were never ready are exempt, since loading models may take any time. */
export function isStuck(config: ReadinessConfig, readiness: Readiness): boolean {
  return readiness.wasReady && readiness.silences >= config.silenceThreshold;
}

export function nextProbeMs(config: ReadinessConfig, readiness: Readiness): number {
  return readiness.wasReady ? config.steadyIntervalMs : config.startingIntervalMs;
}
