/** Manifests that the chart is made of, read from deploy/base, deploy/components and deploy/crd: what kustomize reads too. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

export interface Manifest {
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string };
  readonly [field: string]: unknown;
}

export interface Sources {
  /** Objects of each file of deploy/base, by its name. */
  readonly base: Readonly<Record<string, readonly Manifest[]>>;
  readonly disruptionBudgets: readonly Manifest[];
  /** Constraints of the component high-availability. */
  readonly topologySpread: unknown;
  readonly priorityClasses: readonly Manifest[];
  /** Names of priority classes by the name of the Deployment that has it. */
  readonly priorities: Readonly<Record<string, string>>;
  readonly networkPolicies: readonly Manifest[];
  readonly monitoring: readonly Manifest[];
  /** Text of each dashboard, by its name. */
  readonly dashboards: Readonly<Record<string, string>>;
  readonly clusterRoles: readonly Manifest[];
  /** Text of the custom resource definition. */
  readonly crd: string;
}

interface Component {
  readonly resources: readonly string[];
  readonly patches: readonly { readonly target: { readonly name?: string }; readonly patch: string }[];
}

const folder = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => readFileSync(`${folder}/${file}`, 'utf8');
const objects = (file: string): Manifest[] => parseAllDocuments(read(file)).map((each) => each.toJS() as Manifest);

export function readSources(): Sources {
  const { resources } = parse(read('base/kustomization.yaml')) as Component;
  const spread = parse(read('components/high-availability/kustomization.yaml')) as Component;
  const priority = parse(read('components/priority/kustomization.yaml')) as Component;
  const [patched] = spread.patches.map(({ patch }) => parse(patch) as { spec: { template: { spec: object } } });
  return {
    base: Object.fromEntries(resources.map((file) => [file, objects(`base/${file}`)])),
    disruptionBudgets: objects('components/high-availability/disruption-budgets.yaml'),
    topologySpread: patched!.spec.template.spec,
    priorityClasses: objects('components/priority/priority-classes.yaml'),
    priorities: Object.fromEntries(
      priority.patches.map(({ target, patch }) => [target.name!, (parse(patch) as [{ value: string }])[0].value]),
    ),
    networkPolicies: objects('components/network-policy/network-policies.yaml'),
    monitoring: ['pod-monitors.yaml', 'prometheus-rule.yaml'].flatMap((file) =>
      objects(`components/monitoring/${file}`),
    ),
    dashboards: Object.fromEntries(
      ['overview', 'batching', 'scaler'].map((name) => [name, read(`components/monitoring/dashboards/${name}.json`)]),
    ),
    clusterRoles: objects('crd/roles.yaml'),
    crd: read('crd/modelpools.yaml'),
  };
}
