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

/** A `description` is what `kubectl explain modelpool.spec` tells. */
const closed = (description: string) => ({ additionalProperties: false, description }) as const;
const positive = (value: number, description: string) => Type.Integer({ minimum: 1, default: value, description });
const mebibyte = 1024 * 1024;

const ScaleTargetRef = Type.Object(
  {
    apiVersion: Type.Enum(['apps/v1'], { default: 'apps/v1' }),
    kind: Type.Enum(['Deployment'], { default: 'Deployment' }),
    name: Type.String({ minLength: 1, description: 'In the namespace of the pool.' }),
  },
  closed('The Deployment whose pods serve the models, and whose replicas the scaler sets.'),
);

const Objective = Type.Object(
  {
    latencyMs: Type.Number({ exclusiveMinimum: 0, description: 'What an answer may take, in milliseconds.' }),
    percentile: Type.Number({
      exclusiveMinimum: 0,
      exclusiveMaximum: 100,
      default: 99,
      description: 'Of which share of requests that is meant, in percent.',
    }),
  },
  closed('Caps batches and sheds what would take longer; without it requests are shed only by their own deadline.'),
);

const Batching = Type.Object(
  {
    enabled: Type.Boolean({
      default: true,
      description: 'false: each request by itself, without a limit on concurrency, as a plain proxy would send it.',
    }),
    maxRows: positive(64, 'Most rows of one envelope; of a run in Kubernetes SLUICE_MAX_ROWS of its model server.'),
    maxBytes: positive(8 * mebibyte, 'Most bytes of one envelope; a larger request travels alone.'),
    maxRequestRows: positive(
      1024,
      'Most rows of one request; in Kubernetes SLUICE_MAX_REQUEST_ROWS of its model server.',
    ),
  },
  { ...closed('Caps only: the working size is learned.'), default: {} },
);

const Requests = Type.Object(
  {
    timeoutMs: positive(30_000, 'Longest deadline, and the one of requests that ask for none, in milliseconds.'),
    coldStartHoldMs: Type.Integer({
      minimum: 0,
      default: 60_000,
      description: 'How long a request may wait for a pod where there is none, in milliseconds.',
    }),
    maxQueued: positive(10_000, 'Most requests that wait at one gateway.'),
    maxQueuedBytes: positive(256 * mebibyte, 'Most bytes of their bodies; at least maxBodyBytes.'),
    maxBodyBytes: positive(64 * mebibyte, 'Largest body of a request, in bytes.'),
    idempotent: Type.Boolean({
      default: true,
      description: 'false: a request whose pod was lost is answered 502 instead of being executed again.',
    }),
  },
  { ...closed('Limits of requests.'), default: {} },
);

const Scaling = Type.Object(
  {
    minReplicas: Type.Integer({ minimum: 0, default: 1, description: 'Least pods; 0 lets an idle pool go.' }),
    maxReplicas: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Most pods. Without it: the number of cores of a laptop.' }),
    ),
    idleSeconds: Type.Integer({ minimum: 0, default: 300, description: 'Without requests this long: minReplicas.' }),
    mode: Type.Enum(['Active', 'DryRun', 'Paused'], {
      default: 'Active',
      description: 'DryRun decides and writes nothing but status; Paused does not decide.',
    }),
  },
  { ...closed('What the scaler may do.'), default: {} },
);

const Health = Type.Object(
  {
    ejectAfterFailures: positive(
      3,
      'Soft failures (5xx, slow) in a row that take a pod out of rotation; a lost connection does so at once.',
    ),
    maxEjectedRatio: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.5,
      description: 'Share of a pool that may be out of rotation on soft evidence alone.',
    }),
  },
  { ...closed('When a pod is out of rotation.'), default: {} },
);

const Spec = Type.Object(
  {
    models: Type.Array(Type.String({ pattern: modelNamePattern }), {
      minItems: 1,
      uniqueItems: true,
      description: 'Names of the models that its pods serve; a model is in one pool only.',
    }),
    scaleTargetRef: Type.Optional(ScaleTargetRef),
    objective: Type.Optional(Objective),
    batching: Batching,
    requests: Requests,
    endpoints: Type.Array(Type.String({ pattern: '^https?://[^/?#]+/?$' }), {
      default: [],
      uniqueItems: true,
      description: 'Origins (http://host:port) of Open Inference Protocol servers that something else runs.',
    }),
    scaling: Scaling,
    health: Health,
  },
  closed('What a person wants of the pool.'),
);

export const ModelPool = Type.Object(
  {
    apiVersion: Type.Literal(apiVersion),
    kind: Type.Literal('ModelPool'),
    metadata: Type.Object({
      name: Type.String({ pattern: poolNamePattern }),
      /** Kubernetes' count of changes of the spec; none on a laptop. */
      generation: Type.Optional(Type.Integer({ minimum: 0 })),
    }),
    spec: Spec,
  },
  closed('Models that share pods: what their requests may cost, and how many pods there may be.'),
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
