/** Asks the pods which models they serve, for the summary of `sluice up`. */
import { get } from 'node:http';
import { json } from 'node:stream/consumers';
import Type from 'typebox';
import { Check } from 'typebox/value';
import type { ClusterView } from '../cluster/port.ts';
import { paths } from '../contract/headers.ts';
import { PodStatus } from '../contract/pod-status.ts';
import type { ExampleInput } from './example-request.ts';

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

const Metadata = Type.Object({
  inputs: Type.Array(Type.Object({ name: Type.String(), datatype: Type.String(), shape: Type.Array(Type.Integer()) })),
});

/** Inputs of a model, as the gateway tells its clients; null where it does not. */
export async function modelInputs(gateway: string, model: string | null): Promise<readonly ExampleInput[] | null> {
  if (model === null) return null;
  const body = await read(`${gateway}/v2/models/${encodeURIComponent(model)}`).catch(() => null);
  return Check(Metadata, body) ? body.inputs : null;
}

async function podStatus(origin: string): Promise<PodStatus | null> {
  const body = await read(`${origin}${paths.podStatus}`);
  return Check(PodStatus, body) ? body : null;
}

function read(url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      json(response).then(resolve, reject);
    }).once('error', reject);
  });
}
