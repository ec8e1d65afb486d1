/** Reads ModelPools into records. A pool whose spec becomes invalid keeps its last valid spec, beside the errors. */
import { Check, Clean } from 'typebox/value';
import { ModelPool, parseModelPool } from '../../contract/model-pool.ts';
import { PoolStatus } from '../../contract/pool-status.ts';
import { timeMs, type KubernetesObject, type ModelPoolObject } from './objects.ts';

export interface PoolRecord {
  /** Name by which the whole system knows the pool: that of its object, or `namespace/name` where several namespaces are served. */
  readonly name: string;
  readonly namespace: string;
  readonly objectName: string;
  readonly uid: string;
  /** Wall-clock time at which the pool was created, in milliseconds; 0 if the API server did not say. */
  readonly createdAtMs: number;
  /** Last valid spec, under the name above; null before the first. */
  readonly pool: ModelPool | null;
  /** Errors of the current spec, each with the path of its field. */
  readonly errors: readonly string[];
  /** Status; null if there is none, or another version wrote one that this version cannot read. */
  readonly status: PoolStatus | null;
}

/** @param isOneOfSeveral whether pools of several namespaces are served, whose names may be equal */
export function readPool(
  object: KubernetesObject,
  previous: PoolRecord | undefined,
  isOneOfSeveral = false,
): PoolRecord {
  const { apiVersion, kind, metadata, spec, status } = object as ModelPoolObject;
  const objectName = metadata?.name ?? '';
  const namespace = metadata?.namespace ?? '';
  const name = isOneOfSeveral ? `${namespace}/${objectName}` : objectName;
  const uid = metadata?.uid ?? '';
  const { generation } = metadata ?? {};
  const read = {
    apiVersion,
    kind,
    metadata: { name: objectName, ...(generation === undefined ? {} : { generation }) },
    spec,
  };
  // The API server knows each field of its definition: one that this version does not know is of a later one.
  const parsed = parseModelPool(Clean(ModelPool, read));
  const { errors } = parsed;
  const pool = parsed.pool === null ? null : named(parsed.pool, name);
  // A pool that was deleted and created again does not inherit the old spec.
  const last = previous?.uid === uid ? previous.pool : null;
  const createdAtMs = timeMs(metadata?.creationTimestamp);
  return {
    name,
    namespace,
    objectName,
    uid,
    createdAtMs,
    pool: pool ?? last,
    errors,
    status: readStatus(status),
  };
}

/** The pool under another name, such as `team-a/langid`, which no object can have. */
export function named(pool: ModelPool, name: string): ModelPool {
  return pool.metadata.name === name ? pool : { ...pool, metadata: { ...pool.metadata, name } };
}

/** Restores the null fields, which the API server omits. */
function readStatus(value: unknown): PoolStatus | null {
  if (typeof value !== 'object' || value === null) return null;
  const status: Partial<Record<keyof PoolStatus, unknown>> = { predictedWaitMs: null, lastDecision: null, ...value };
  const { lastDecision } = status;
  const decision =
    typeof lastDecision === 'object' && lastDecision !== null ? { replicas: null, ...lastDecision } : lastDecision;
  const filled = { ...status, lastDecision: decision };
  return Check(PoolStatus, filled) ? filled : null;
}
