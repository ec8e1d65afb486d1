/**
 * ModelPool: the one object that a person writes, the same on a laptop (YAML) and in a cluster (custom resource).
 * Defaults stand beside the schema that checks them.
 */
import Type from 'typebox';
import { Check, Clone, Default, Errors } from 'typebox/value';
import { quote } from './errors.ts';

export const apiVersion = 'sluice.dev/v1alpha1';

/** A DNS label, as Kubernetes requires of object names. */
export const poolNamePattern = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$';
/** What may stand in a path segment without escaping; also keeps metric labels and log lines clean. */
export const modelNamePattern = '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$';

const closed = { additionalProperties: false } as const;
const positive = (value: number) => Type.Integer({ minimum: 1, default: value });
const mebibyte = 1024 * 1024;

const ScaleTargetRef = Type.Object({ apiVersion: Type.String(), kind: Type.String(), name: Type.String() }, closed);

const Objective = Type.Object(
  {
    latencyMs: Type.Number({ exclusiveMinimum: 0 }),
    percentile: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 100, default: 99 }),
  },
  closed,
);

/** Caps only: the working batch size is learned. */
const Batching = Type.Object(
  {
    /** false sends each request by itself, without a limit on concurrency: what a plain proxy would do. */
    enabled: Type.Boolean({ default: true }),
    maxRows: positive(64),
    maxBytes: positive(8 * mebibyte),
    maxRequestRows: positive(1024),
  },
  { ...closed, default: {} },
);

const Requests = Type.Object(
  {
    timeoutMs: positive(30_000),
    coldStartHoldMs: Type.Integer({ minimum: 0, default: 60_000 }),
    maxQueued: positive(10_000),
    maxQueuedBytes: positive(256 * mebibyte),
    maxBodyBytes: positive(64 * mebibyte),
    /** false: a request whose pod was lost is answered 502 instead of being executed again. */
    idempotent: Type.Boolean({ default: true }),
  },
  { ...closed, default: {} },
);

const Scaling = Type.Object(
  {
    minReplicas: Type.Integer({ minimum: 0, default: 1 }),
    /** Without it the cluster decides: the number of cores on a laptop. */
    maxReplicas: Type.Optional(Type.Integer({ minimum: 1 })),
    idleSeconds: Type.Integer({ minimum: 0, default: 300 }),
    mode: Type.Enum(['Active', 'DryRun', 'Paused'], { default: 'Active' }),
  },
  { ...closed, default: {} },
);

const Health = Type.Object(
  {
    /** Soft failures (5xx, slow) in a row that take a pod out of rotation; a lost connection does so at once. */
    ejectAfterFailures: positive(3),
    /** Share of a pool that may be out of rotation on soft evidence alone. */
    maxEjectedRatio: Type.Number({ minimum: 0, maximum: 1, default: 0.5 }),
  },
  { ...closed, default: {} },
);

export const ModelPool = Type.Object(
  {
    apiVersion: Type.Literal(apiVersion),
    kind: Type.Literal('ModelPool'),
    metadata: Type.Object({ name: Type.String({ pattern: poolNamePattern }) }),
    spec: Type.Object(
      {
        models: Type.Array(Type.String({ pattern: modelNamePattern }), { minItems: 1, uniqueItems: true }),
        scaleTargetRef: Type.Optional(ScaleTargetRef),
        /** Without it requests are shed only by their own deadline. */
        objective: Type.Optional(Objective),
        batching: Batching,
        requests: Requests,
        /** Origins (`http://host:port`) of Open Inference Protocol servers that something else runs. */
        endpoints: Type.Array(Type.String({ pattern: '^https?://[^/?#]+/?$' }), { default: [], uniqueItems: true }),
        scaling: Scaling,
        health: Health,
      },
      closed,
    ),
  },
  closed,
);
export type ModelPool = Type.Static<typeof ModelPool>;

export type ParsedPool =
  { readonly pool: ModelPool; readonly errors: [] } | { readonly pool: null; readonly errors: string[] };

/**
 * Defaults → schema → cross-field checks. All errors at once, each `path: what must be, was: value`.
 * `value` is what YAML or JSON gave; it isn't changed.
 */
export function parseModelPool(value: unknown): ParsedPool {
  const filled: unknown = Default(ModelPool, Clone(value));
  if (!Check(ModelPool, filled)) {
    const errors = new Set<string>();
    for (const error of Errors(ModelPool, filled)) {
      // "Schema is false" is said of a field that the line below names anyway.
      if (error.keyword === 'boolean') continue;
      const extra = error.keyword === 'additionalProperties' ? error.params.additionalProperties : [];
      for (const name of extra) errors.add(`${error.instancePath}/${name}: is not a field of a ModelPool`);
      if (extra.length > 0) continue;
      const must =
        error.keyword === 'enum'
          ? `must be one of ${error.params.allowedValues.join(', ')}`
          : error.keyword === 'const'
            ? `must be ${quote(error.params.allowedValue)}`
            : error.message;
      errors.add(`${error.instancePath || '/'}: ${must}, was: ${quote(at(filled, error.instancePath))}`);
    }
    return { pool: null, errors: [...errors] };
  }
  const { spec } = filled;
  const errors: string[] = [];
  const { minReplicas, maxReplicas } = spec.scaling;
  if (maxReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(`/spec/scaling/maxReplicas: must be at least minReplicas (${minReplicas}), was: ${maxReplicas}`);
  }
  if (spec.requests.maxBodyBytes > spec.requests.maxQueuedBytes) {
    errors.push(
      `/spec/requests/maxQueuedBytes: must be at least maxBodyBytes (${spec.requests.maxBodyBytes}), was: ${spec.requests.maxQueuedBytes}`,
    );
  }
  return errors.length === 0 ? { pool: filled, errors: [] } : { pool: null, errors };
}

/** The part of `value` that a JSON pointer names; undefined where there is none. */
function at(value: unknown, pointer: string): unknown {
  let found = value;
  for (const step of pointer.split('/').slice(1)) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<string, unknown>)[step.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return found;
}
