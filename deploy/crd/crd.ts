/** The CustomResourceDefinition of ModelPool, from the schemas that YAML on a laptop is checked by. */
import { stringify } from 'yaml';
import { apiVersion, ModelPool, poolNamePattern } from '../../contract/model-pool.ts';
import { PoolStatus } from '../../contract/pool-status.ts';
import { structural, type Structural } from './structural.ts';

const [group, version] = apiVersion.split('/') as [string, string];

/**
 * Checks of a field against another: those of `parseModelPool`, and what only a cluster can't do without. Messages are
 * fixed: the API server refuses what puts a value into one, for what it could cost.
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
    rule: 'has(self.scaleTargetRef) || size(self.endpoints) > 0',
    message: 'must have scaleTargetRef (the Deployment of its pods) or endpoints (servers that something else runs)',
  },
  {
    rule: '!has(self.scaleTargetRef) || size(self.endpoints) == 0',
    fieldPath: '.endpoints',
    message: 'must be empty where scaleTargetRef names a Deployment',
  },
  {
    rule: '!has(self.scaleTargetRef) || has(self.scaling.maxReplicas)',
    fieldPath: '.scaling.maxReplicas',
    message: 'is required where scaleTargetRef names a Deployment: a cluster has no number of cores to stop at',
  },
];

const columns = [
  { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
  { name: 'Desired', type: 'integer', jsonPath: '.status.desiredReplicas' },
  { name: 'Queue', type: 'integer', jsonPath: '.status.queued', description: 'Requests that wait at the gateways.' },
  {
    name: 'Wait',
    type: 'number',
    jsonPath: '.status.predictedWaitMs',
    description: 'Milliseconds that one more request would wait.',
  },
  { name: 'Objective', type: 'number', jsonPath: '.spec.objective.latencyMs', description: 'Milliseconds.' },
  { name: 'Reason', type: 'string', jsonPath: '.status.lastDecision.reason' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Models', type: 'string', jsonPath: '.spec.models', priority: 1 },
  { name: 'Deployment', type: 'string', jsonPath: '.spec.scaleTargetRef.name', priority: 1 },
  { name: 'Able', type: 'string', jsonPath: '.status.conditions[?(@.type=="AbleToScale")].reason', priority: 1 },
];

function rootSchema(): Structural {
  const { spec } = ModelPool.properties;
  const status = structural(PoolStatus);
  const conditions = (status['properties'] as Record<string, Structural>)['conditions']!;
  conditions['x-kubernetes-list-type'] = 'map';
  conditions['x-kubernetes-list-map-keys'] = ['type'];
  return {
    type: 'object',
    description: structural(ModelPool)['description'],
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', properties: { name: { type: 'string', pattern: poolNamePattern, maxLength: 63 } } },
      spec: { ...structural(spec), 'x-kubernetes-validations': rules },
      status: { ...status, description: 'What the scaler says of the pool.' },
    },
  };
}

/** YAML, ready for `kubectl apply`. */
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
