/** Environment of a pod's process (`sluice model-server`), from the settings of its pool. */
import { variableName } from '../../contract/settings.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { ModelServerSettings } from '../../models/settings.ts';

export interface PodDefaults {
  readonly repository: string;
  readonly logLevel: ModelServerSettings['logLevel'];
  /** Whether a pod is not ready without each model of its pool; true unless given. */
  readonly modelsAreRequired?: boolean;
  /** Time after SIGTERM at which a pod is killed. */
  readonly graceMs: number;
  /** Inherited environment. Of the `SLUICE_*` variables only those that are not set here apply, such as SLUICE_RUN_LIMIT_MS. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Time by which a pod's own grace period ends before it would be killed. */
const graceMarginMs = 1000;
/** Time in which a terminating pod still accepts requests: longer than a view takes to reach the gateway. */
const propagationMs = 100;

/** Settings that a pod has from its pool. A pod keeps them for its life, so another value needs another pod. */
export function poolSettings({ spec }: ModelPool): Partial<ModelServerSettings> {
  const { batching, requests, models } = spec;
  return {
    models: models.join(','),
    maxRows: batching.enabled ? batching.maxRows : 1,
    maxRequestRows: batching.maxRequestRows,
    maxBodyBytes: requests.maxBodyBytes,
  };
}

export function podEnvironment(
  defaults: PodDefaults,
  pool: ModelPool,
  pod: { readonly name: string; readonly uid: string; readonly lastExit: string | null },
): Record<string, string | undefined> {
  const settings: Partial<ModelServerSettings> = {
    repository: defaults.repository,
    ...poolSettings(pool),
    ...(defaults.modelsAreRequired === false ? { requiredModels: 'none' } : {}),
    host: '127.0.0.1',
    port: 0,
    podUid: pod.uid,
    podName: pod.name,
    ...(pod.lastExit === null ? {} : { lastExit: pod.lastExit }),
    drainDelayMs: propagationMs,
    graceMs: Math.max(0, defaults.graceMs - graceMarginMs),
    logLevel: defaults.logLevel,
  };
  const env = { ...defaults.env };
  for (const [property, value] of Object.entries(settings)) env[variableName(property)] = String(value);
  return env;
}
