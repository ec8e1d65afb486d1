/**
 * Reads the answer to a pod's status probe, `GET /v2/pod`. Gateways and the scaler send the same probe and differ only in
 * what they do with the verdict.
 */
import { Compile } from 'typebox/compile';
import { paths } from './headers.ts';
import { PodStatus } from './pod-status.ts';

export type PodProbe =
  | { readonly kind: 'status'; readonly status: PodStatus }
  /** No model server of Sluice: any server of the protocol tells by `paths.ready` whether it is ready. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'failed'; readonly detail: string };

const podStatus = Compile(PodStatus);

export function readPodProbe(status: number, body: string): PodProbe {
  if (status === 404) return { kind: 'foreign' };
  const parsed = status === 200 ? parseJson(body) : undefined;
  if (podStatus.Check(parsed)) return { kind: 'status', status: parsed };
  return { kind: 'failed', detail: `${paths.podStatus} answered ${status} and no status` };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
