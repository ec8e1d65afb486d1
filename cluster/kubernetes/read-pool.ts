/** What is kept of a ModelPool. One whose spec is wrong keeps the last that was right, and says what is wrong with it. */
import { Check } from 'typebox/value';
import { quote } from '../../contract/errors.ts';
import { parseModelPool, type ModelPool } from '../../contract/model-pool.ts';
import { PoolStatus } from '../../contract/pool-status.ts';
import type { KubernetesObject, ModelPoolObject } from './objects.ts';

export interface PoolRecord {
  readonly name: string;
  readonly uid: string;
  /** Null where no spec was right yet. */
  readonly pool: ModelPool | null;
  /** Of the spec as it stands; each with the path of its field. */
  readonly errors: readonly string[];
  /** Null where there is none, or one that another version wrote. */
  readonly status: PoolStatus | null;
}

export function readPool(object: KubernetesObject, previous: PoolRecord | undefined): PoolRecord {
  const { apiVersion, kind, metadata, spec, status } = object as ModelPoolObject;
  const name = metadata?.name ?? '';
  const uid = metadata?.uid ?? '';
  const { generation } = metadata ?? {};
  const { pool, errors: found } = parseModelPool({
    apiVersion,
    kind,
    metadata: { name, ...(generation === undefined ? {} : { generation }) },
    spec,
  });
  const errors = [...found, ...unusableEndpoints(pool)];
  // Deleted and made anew under the same name, it starts anew.
  const last = previous?.uid === uid ? previous.pool : null;
  return { name, uid, pool: errors.length === 0 ? pool : last, errors, status: readStatus(status) };
}

/** The API server leaves out what is null. */
function readStatus(value: unknown): PoolStatus | null {
  if (typeof value !== 'object' || value === null) return null;
  const status: Partial<Record<keyof PoolStatus, unknown>> = { predictedWaitMs: null, lastDecision: null, ...value };
  const { lastDecision } = status;
  const decision =
    typeof lastDecision === 'object' && lastDecision !== null ? { replicas: null, ...lastDecision } : lastDecision;
  const filled = { ...status, lastDecision: decision };
  return Check(PoolStatus, filled) ? filled : null;
}

/** The pattern of an endpoint lets through what is no address: `http://a b`. */
function unusableEndpoints(pool: ModelPool | null): string[] {
  return (pool?.spec.endpoints ?? []).flatMap((endpoint, index) =>
    URL.canParse(endpoint) ? [] : [`/spec/endpoints/${index}: must be http://host:port, was: ${quote(endpoint)}`],
  );
}
