/** What a pod of a pool is told at its start: the environment of `sluice model-server`. */
import { variableName } from '../../contract/settings.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { ModelServerSettings } from '../../models/settings.ts';

export interface PodDefaults {
  readonly repository: string;
  readonly logLevel: ModelServerSettings['logLevel'];
  /** A pod that is told to go is killed after this. */
  readonly graceMs: number;
  /** What pods inherit: the path, and any `SLUICE_*` that is not set here, such as SLUICE_RUN_LIMIT_MS. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The pod ends by itself this much before it would be killed. */
const graceMarginMs = 1000;
/** More than a view takes to reach the gateway: what was on its way to a pod that is told to go is still accepted. */
const propagationMs = 100;

export function podEnvironment(
  defaults: PodDefaults,
  pool: ModelPool,
  pod: { readonly name: string; readonly uid: string },
): Record<string, string | undefined> {
  const { batching, requests, models } = pool.spec;
  const settings: Partial<ModelServerSettings> = {
    repository: defaults.repository,
    models: models.join(','),
    host: '127.0.0.1',
    port: 0,
    podUid: pod.uid,
    podName: pod.name,
    maxRows: batching.enabled ? batching.maxRows : 1,
    maxRequestRows: batching.maxRequestRows,
    maxBodyBytes: requests.maxBodyBytes,
    drainDelayMs: propagationMs,
    graceMs: Math.max(0, defaults.graceMs - graceMarginMs),
    logLevel: defaults.logLevel,
  };
  const env = { ...defaults.env };
  for (const [property, value] of Object.entries(settings)) env[variableName(property)] = String(value);
  return env;
}
