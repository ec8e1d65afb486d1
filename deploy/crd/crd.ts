/** CustomResourceDefinition of ModelPool, generated from the schemas in contract/ that also check YAML on a laptop. */
import { stringify } from 'yaml';
import { apiVersion, ModelPool, poolNamePattern } from '../../contract/model-pool.ts';
import { PoolStatus } from '../../contract/pool-status.ts';
import { structural, type Structural } from './structural.ts';

const [group, version] = apiVersion.split('/') as [string, string];

/**
 * Cross-field validation rules (CEL): the checks of `parseModelPool`, and those that apply only in a cluster. Messages are
 * constants, since the API server rejects rules whose messages are computed from values as too expensive.
 */
const rules = [
  {
    rule: '!has(self.scaling.maxReplicas) || self.scaling.maxReplicas >= self.scaling.minReplicas',
    fieldPath: '.scaling.maxReplicas',
    message: 'must be at least minReplicas',
  },
  {
    rule: 'self.requests.maxQueuedBytes >= self.requests.maxBodyBytes',
    fieldPath: '.requests.maxQueuedBytes',
    message: 'must be at least maxBodyBytes',
  },
  {
    rule:
      '(has(self.requests.defaultPriority) ? self.requests.defaultPriority : 5) >= ' +
      '(has(self.requests.highestPriority) ? self.requests.highestPriority : 1)',
    fieldPath: '.requests.defaultPriority',
    message: 'must be at least highestPriority',
  },
  {
    rule: 'has(self.scaleTargetRef) || size(self.endpoints) > 0',
    message: 'must have scaleTargetRef (the Deployment of the pods) or endpoints (externally managed servers)',
  },
  {
    rule: '!has(self.scaleTargetRef) || size(self.endpoints) == 0',
    fieldPath: '.endpoints',
    message: 'must be empty when scaleTargetRef is set',
  },
  {
    rule: '!has(self.scaleTargetRef) || has(self.scaling.maxReplicas)',
    fieldPath: '.scaling.maxReplicas',
    message: 'is required when scaleTargetRef is set: a cluster has no CPU count to default to',
  },
];

/**
 * Fields of the spec that the API server fills in: those of the first release. It fills in stored objects too, and a process of an
 * earlier release refuses a pool with a field that it does not know, so that a new definition would take the pools from gateways
 * that restart. The processes fill in what was added since.
 */
const filledIn = new Set([
  'batching',
  'batching.enabled',
  'batching.maxBytes',
  'batching.maxRequestRows',
  'batching.maxRows',
  'endpoints',
  'health',
  'health.ejectAfterFailures',
  'health.maxEjectedRatio',
  'objective.percentile',
  'requests',
  'requests.coldStartHoldMs',
  'requests.idempotent',
  'requests.maxBodyBytes',
  'requests.maxQueued',
  'requests.maxQueuedBytes',
  'requests.timeoutMs',
  'scaleTargetRef.apiVersion',
  'scaleTargetRef.kind',
  'scaling',
  'scaling.idleSeconds',
  'scaling.minReplicas',
  'scaling.mode',
]);

/** Moves defaults that the API server must not fill in to the description, where people read them. */
function withoutLaterDefaults(node: Structural, at = ''): Structural {
  const fields = Object.entries((node['properties'] ?? {}) as Record<string, Structural>).map(([name, field]) => {
    const place = at === '' ? name : `${at}.${name}`;
    const inner = withoutLaterDefaults(field, place);
    if (inner['default'] === undefined || filledIn.has(place)) return [name, inner] as const;
    const { default: value, ...rest } = inner;
    return [
      name,
      { ...rest, description: `${String(rest['description'])} Default: ${JSON.stringify(value)}.` },
    ] as const;
  });
  return fields.length === 0 ? node : { ...node, properties: Object.fromEntries(fields) };
}

const columns = [
  { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
  { name: 'Desired', type: 'integer', jsonPath: '.status.desiredReplicas' },
  { name: 'Queue', type: 'integer', jsonPath: '.status.queued', description: 'Queued requests over all gateways.' },
  {
    name: 'Wait',
    type: 'number',
    jsonPath: '.status.predictedWaitMs',
    description: 'Predicted wait of a new request, in milliseconds.',
  },
  {
    name: 'Objective',
    type: 'number',
    jsonPath: '.spec.objective.latencyMs',
    description: 'Latency objective, in milliseconds.',
  },
  { name: 'Reason', type: 'string', jsonPath: '.status.lastDecision.reason' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Models', type: 'string', jsonPath: '.spec.models', priority: 1 },
  { name: 'Deployment', type: 'string', jsonPath: '.spec.scaleTargetRef.name', priority: 1 },
  { name: 'Able', type: 'string', jsonPath: '.status.conditions[?(@.type=="AbleToScale")].reason', priority: 1 },
];

/**
 * Generation that no object has. The API server fills it in where no scaler has written a status yet, so that tools that know kstatus
 * wait for the first one: a status without any word they take for a resource that is current from its creation. Processes read such a
 * status as none.
 */
const unobserved = -1;

function rootSchema(): Structural {
  const { spec } = ModelPool.properties;
  const status = structural(PoolStatus);
  delete status['required'];
  const conditions = (status['properties'] as Record<string, Structural>)['conditions']!;
  conditions['x-kubernetes-list-type'] = 'map';
  conditions['x-kubernetes-list-map-keys'] = ['type'];
  const observed = (status['properties'] as Record<string, Structural>)['observedGeneration']!;
  observed['minimum'] = unobserved;
  return {
    type: 'object',
    description: structural(ModelPool)['description'],
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', properties: { name: { type: 'string', pattern: poolNamePattern, maxLength: 63 } } },
      spec: { ...withoutLaterDefaults(structural(spec)), 'x-kubernetes-validations': rules },
      status: {
        ...status,
        description: 'Observed state of the pool, written by the scaler.',
        default: { observedGeneration: unobserved },
      },
    },
  };
}

/** The CustomResourceDefinition as YAML for `kubectl apply`. */
export function crdYaml(): string {
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `modelpools.${group}`, labels: { 'app.kubernetes.io/name': 'sluice' } },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind: 'ModelPool',
        listKind: 'ModelPoolList',
        plural: 'modelpools',
        singular: 'modelpool',
        shortNames: ['mp'],
        categories: ['sluice'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: rootSchema() },
        },
      ],
    },
  };
  const body = stringify(crd, { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false });
  return `# Written by \`npm run crd\` from contract/model-pool.ts and contract/pool-status.ts.\n${body}`;
}
