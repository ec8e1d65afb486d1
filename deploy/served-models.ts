/** Asks the pods which models they serve, for the summary of `sluice up`. */
import { get } from 'node:http';
import { json } from 'node:stream/consumers';
import { Check } from 'typebox/value';
import type { ClusterView } from '../cluster/port.ts';
import { paths } from '../contract/headers.ts';
import { PodStatus } from '../contract/pod-status.ts';

export interface ModelSummary {
  readonly name: string;
  readonly ready: boolean;
  /** Human-readable reason why the model is not served or not batched; null for none. */
  readonly note: string | null;
}

const timeoutMs = 1000;

/** Models of all pools, by the status of one ready pod per pool. A server without a status counts as serving its models. */
export async function servedModels(view: ClusterView): Promise<ModelSummary[]> {
  const byPool = await Promise.all(
    view.pools.map(async ({ metadata, spec }) => {
      const pod = view.pods.find(({ pool, phase }) => pool === metadata.name && phase === 'Ready');
      if (pod === undefined || pod.origin === null)
        return spec.models.map((name) => ({ name, ready: false, note: noPod(spec.scaling.minReplicas) }));
      const status = await podStatus(pod.origin).catch(() => null);
      return spec.models.map((name) => summarize(name, status));
    }),
  );
  return byPool.flat();
}

function noPod(minReplicas: number): string {
  return minReplicas === 0 ? 'the first request starts a pod' : 'no pod is ready';
}

function summarize(name: string, status: PodStatus | null): ModelSummary {
  const model =
    status?.models.find((served) => served.name === name && served.isDefault) ??
    status?.models.find((served) => served.name === name);
  if (model === undefined) return { name, ready: status === null, note: status === null ? null : 'not served' };
  if (!model.ready) return { name, ready: false, note: `not served: ${model.reason ?? 'unknown'}` };
  const note = model.unbatchedReason === undefined ? null : `not batched: ${model.unbatchedReason}`;
  return { name, ready: true, note };
}

function podStatus(origin: string): Promise<PodStatus | null> {
  return new Promise((resolve, reject) => {
    get(`${origin}${paths.podStatus}`, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      json(response).then((body) => resolve(Check(PodStatus, body) ? body : null), reject);
    }).once('error', reject);
  });
}
