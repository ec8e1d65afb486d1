/**
 * ModelPool, the one object that a person writes: a YAML document on a laptop, a custom resource in a cluster.
 * Defaults stand beside the schema that checks them.
 */
import Type from 'typebox';
import { Check, Clone, Default } from 'typebox/value';
import { quote } from './errors.ts';
import { mistakesOf } from './schema-mistakes.ts';

export const apiVersion = 'sluice.dev/v1alpha1';

/** A DNS label, as Kubernetes requires of object names. */
export const poolNamePattern = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$';
/**
 * Model names need no escaping in a metric label, a log line or a list with commas, and no more in a URL's path than percent-encoding:
 * letters of any script, spaces within, and nothing that ends a path segment, leaves a folder or can't be seen. The API server of
 * Kubernetes reads the pattern as RE2, a JavaScript expression needs the flag `u`.
 */
const modelNamePattern = '^[\\p{L}\\p{N}_](?:[\\p{L}\\p{M}\\p{N}_. -]{0,126}[\\p{L}\\p{M}\\p{N}_.-])?$';
const modelName = new RegExp(modelNamePattern, 'u');
const modelNameRule = 'letters, digits, _, . and -, with spaces within, at most 128';

/** Problem of a model's name; null if it has none. */
export function modelNameProblem(name: string): string | null {
  return modelName.test(name) ? null : `model name ${JSON.stringify(name)} must be ${modelNameRule}`;
}

const endpointPattern = '^https?://[^/?#]+/?$';

const wording = {
  whole: 'a ModelPool',
  patterns: {
    [poolNamePattern]: 'a DNS label: a-z, 0-9 and -, at most 63',
    [modelNamePattern]: modelNameRule,
    [endpointPattern]: 'an origin, http://host:port',
  },
};

/** Schema options of an object without extra fields. Descriptions appear in `kubectl explain modelpool.spec`. */
const closed = (description: string) => ({ additionalProperties: false, description }) as const;
const positive = (value: number, description: string) => Type.Integer({ minimum: 1, default: value, description });
const level = (value: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 9, default: value, description });
const mebibyte = 1024 * 1024;

const ScaleTargetRef = Type.Object(
  {
    apiVersion: Type.Enum(['apps/v1'], { default: 'apps/v1' }),
    kind: Type.Enum(['Deployment'], { default: 'Deployment' }),
    name: Type.String({ minLength: 1, description: 'Name of the Deployment, in the namespace of the pool.' }),
  },
  closed('Deployment whose pods serve the models and whose replicas the scaler sets.'),
);

const Objective = Type.Object(
  {
    latencyMs: Type.Number({ exclusiveMinimum: 0, description: 'Latency objective, in milliseconds.' }),
    percentile: Type.Number({
      exclusiveMinimum: 0,
      exclusiveMaximum: 100,
      default: 99,
      description: 'Percentile of requests that must meet latencyMs.',
    }),
  },
  closed(
    'Latency objective. It caps the size of batches, and requests that would miss it are shed. Without an objective only request deadlines shed.',
  ),
);

const Batching = Type.Object(
  {
    enabled: Type.Boolean({
      default: true,
      description:
        'Set to false to forward every request individually and at once, without a concurrency limit, as a plain proxy does.',
    }),
    maxRows: positive(
      64,
      'Maximum rows per envelope. In Kubernetes, SLUICE_MAX_ROWS of the model server caps the rows of one model run.',
    ),
    maxBytes: positive(8 * mebibyte, 'Maximum bytes per envelope. A larger request is sent in an envelope of its own.'),
    maxRequestRows: positive(
      131_072,
      'Maximum rows per request. In Kubernetes, SLUICE_MAX_REQUEST_ROWS of the model server applies instead.',
    ),
  },
  { ...closed('Batch size limits. Actual batch sizes are learned, and stay below them.'), default: {} },
);

const Requests = Type.Object(
  {
    timeoutMs: positive(30_000, 'Maximum request deadline, and the default for requests without one, in milliseconds.'),
    coldStartHoldMs: Type.Integer({
      minimum: 0,
      default: 60_000,
      description: 'Maximum time that a request waits for a first pod when the pool has none, in milliseconds.',
    }),
    maxQueued: positive(10_000, 'Maximum number of queued requests per gateway.'),
    maxQueuedBytes: positive(
      256 * mebibyte,
      'Maximum bytes of queued request bodies per gateway. Must be at least maxBodyBytes.',
    ),
    maxBodyBytes: positive(64 * mebibyte, 'Maximum size of one request body, in bytes.'),
    highestPriority: level(
      1,
      'Highest priority that clients may ask for, from 1 (first) to 9 (last). A request for more is served at it.',
    ),
    defaultPriority: level(5, 'Priority of requests that ask for none, from highestPriority to 9.'),
    idempotent: Type.Boolean({
      default: true,
      description:
        'Set to false to answer 502 when a pod is lost with a request, instead of running the request again on another pod.',
    }),
  },
  { ...closed('Request limits.'), default: {} },
);

const Scaling = Type.Object(
  {
    minReplicas: Type.Integer({ minimum: 0, default: 1, description: 'Minimum replicas; 0 enables scale to zero.' }),
    maxReplicas: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Maximum replicas. Required with scaleTargetRef; sluice up defaults to the number of CPU cores.',
      }),
    ),
    idleSeconds: Type.Integer({
      minimum: 0,
      default: 300,
      description: 'Seconds without requests after which a pool with minReplicas 0 scales to zero.',
    }),
    seasonal: Type.Boolean({
      default: true,
      description:
        'Set to false to order no pods in advance for rushes that recur at the same time of the day or week, in UTC.',
    }),
    mode: Type.Enum(['Active', 'DryRun', 'Paused'], {
      default: 'Active',
      description:
        'Active applies decisions. DryRun makes decisions and writes only the status. Paused makes no decisions.',
    }),
  },
  { ...closed('Scaling limits and mode.'), default: {} },
);

const Health = Type.Object(
  {
    ejectAfterFailures: positive(
      3,
      'Consecutive soft failures (5xx answers, slow answers) that take a pod out of rotation. A lost connection takes it out at once.',
    ),
    maxEjectedRatio: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.5,
      description: 'Maximum share of the pool that soft failures may take out of rotation, from 0 to 1.',
    }),
  },
  { ...closed('Conditions under which a pod is taken out of rotation.'), default: {} },
);

const Spec = Type.Object(
  {
    models: Type.Array(Type.String({ pattern: modelNamePattern }), {
      minItems: 1,
      uniqueItems: true,
      description: 'Names of the models that the pods serve. A model belongs to one pool only.',
    }),
    scaleTargetRef: Type.Optional(ScaleTargetRef),
    objective: Type.Optional(Objective),
    batching: Batching,
    requests: Requests,
    endpoints: Type.Array(Type.String({ pattern: endpointPattern }), {
      default: [],
      uniqueItems: true,
      description: 'Origins (http://host:port) of externally managed servers that speak the Open Inference Protocol.',
    }),
    shareSecretWithEndpoints: Type.Boolean({
      default: false,
      description:
        'Whether the servers of endpoints are Sluice model servers of this system, which may be sent the shared secret, and so ' +
        'envelopes. Other servers get plain requests and no secret.',
    }),
    scaling: Scaling,
    health: Health,
  },
  closed('Desired behavior of the pool.'),
);

export const ModelPool = Type.Object(
  {
    apiVersion: Type.Literal(apiVersion),
    kind: Type.Literal('ModelPool'),
    metadata: Type.Object({
      name: Type.String({ pattern: poolNamePattern }),
      /** Spec revision, counted by Kubernetes; absent on a laptop. */
      generation: Type.Optional(Type.Integer({ minimum: 0 })),
    }),
    spec: Spec,
  },
  closed('A group of models that share pods, with their request limits, latency objective and scaling bounds.'),
);
export type ModelPool = Type.Static<typeof ModelPool>;

export type ParsedPool =
  { readonly pool: ModelPool; readonly errors: [] } | { readonly pool: null; readonly errors: string[] };

/**
 * Fills in defaults, then checks the schema, then fields against each other. All errors are returned at once, each as
 * `path: what must be, was: value`. `value`, parsed YAML or JSON, is not modified.
 */
export function parseModelPool(value: unknown): ParsedPool {
  const filled: unknown = Default(ModelPool, Clone(value));
  composeNames(filled);
  if (!Check(ModelPool, filled)) return { pool: null, errors: mistakesOf(ModelPool, filled, wording) };
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
  const { highestPriority, defaultPriority } = spec.requests;
  if (defaultPriority < highestPriority) {
    errors.push(
      `/spec/requests/defaultPriority: must be at least highestPriority (${highestPriority}), was: ${defaultPriority}`,
    );
  }
  for (const [index, endpoint] of spec.endpoints.entries()) {
    // The pattern lets `http://a b` and `http://a:99999` through, which are no URLs.
    if (!URL.canParse(endpoint)) {
      errors.push(`/spec/endpoints/${index}: must be http://host:port, was: ${quote(endpoint)}`);
    }
  }
  return errors.length === 0 ? { pool: filled, errors: [] } : { pool: null, errors };
}

/** Names of models in composed letters (Unicode NFC), as paths and folders have them, whatever editor wrote the file. */
function composeNames(pool: unknown): void {
  const { models } = (pool as { spec?: { models?: unknown } } | null)?.spec ?? {};
  if (!Array.isArray(models)) return;
  for (const [index, name] of models.entries()) {
    if (typeof name === 'string') models[index] = name.normalize('NFC');
  }
}
