/** Checks of a Kubernetes cluster for `sluice doctor`: whether it answers, which ModelPool it knows, and what these credentials may do. */
import { apiVersion } from '../../contract/model-pool.ts';
import type { Check } from './check.ts';

/** Part of an API client that the check needs; `cluster/kubernetes/api.ts` has it. */
export interface ClusterApi {
  readonly namespace: string;
  call<Answer>(request: {
    readonly operation: string;
    readonly method?: 'GET' | 'POST';
    readonly path: string;
    readonly body?: unknown;
  }): Promise<Answer>;
}

interface Definition {
  readonly spec?: { readonly versions?: readonly { readonly name?: string; readonly served?: boolean }[] };
}
interface Review {
  readonly status?: { readonly allowed?: boolean };
}

/** Rights of the manifests: [group, resource, verb], of gateway and scaler. */
const rights = [
  ['sluice.dev', 'modelpools', 'list'],
  ['sluice.dev', 'modelpools', 'watch'],
  ['', 'pods', 'list'],
  ['', 'pods', 'watch'],
  ['sluice.dev', 'modelpools/status', 'patch'],
  ['', 'pods', 'patch'],
  ['', 'pods/eviction', 'create'],
  ['apps', 'deployments', 'list'],
  ['apps', 'deployments/scale', 'update'],
  ['coordination.k8s.io', 'leases', 'update'],
] as const;

export async function checkCluster(api: ClusterApi): Promise<Check[]> {
  const check = (name: string, level: Check['level'], text: string): Check => ({ area: 'cluster', name, level, text });
  try {
    const { gitVersion } = await api.call<{ gitVersion?: string }>({ operation: 'get version', path: '/version' });
    return [
      check('reachable', 'ok', `Kubernetes ${gitVersion ?? 'of an unknown version'}, namespace ${api.namespace}`),
      await checkDefinition(api),
      await checkRights(api),
    ];
  } catch (error) {
    return [check('reachable', 'bad', `${(error as Error).message}: check KUBECONFIG and the context`)];
  }
}

async function checkDefinition(api: ClusterApi): Promise<Check> {
  const check = (level: Check['level'], text: string): Check => ({ area: 'cluster', name: 'CRD', level, text });
  const [group, version] = apiVersion.split('/');
  try {
    const { spec } = await api.call<Definition>({
      operation: 'get customresourcedefinitions',
      path: `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modelpools.${group!}`,
    });
    const served = (spec?.versions ?? []).filter((each) => each.served === true).map(({ name }) => name);
    return served.includes(version)
      ? check('ok', `modelpools.${group!} ${version!}`)
      : check('bad', `serves ${served.join(', ') || 'no version'}, needed is ${version!}: apply deploy/crd`);
  } catch (error) {
    const { status, message } = error as Error & { status?: number };
    if (status === 404) return check('bad', `there is no modelpools.${group!}: apply deploy/crd`);
    return check('warn', `unknown: ${message}`);
  }
}

async function checkRights(api: ClusterApi): Promise<Check> {
  const missing = await Promise.all(
    rights.map(async ([group, name, verb]) => {
      const [resource, subresource] = name.split('/');
      const { status } = await api.call<Review>({
        operation: 'create selfsubjectaccessreviews',
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: { namespace: api.namespace, group, resource, subresource, verb } },
        },
      });
      return status?.allowed === true ? [] : [`${verb} ${name}`];
    }),
  );
  const lacking = missing.flat();
  return {
    area: 'cluster',
    name: 'rights',
    level: lacking.length === 0 ? 'ok' : 'warn',
    text:
      lacking.length === 0
        ? `these credentials may do all that gateway and scaler do in ${api.namespace}`
        : `these credentials may not: ${lacking.join(', ')} (the manifests give gateway and scaler accounts of their own)`,
  };
}
