/** The proxy between Sluice and the API server, seen from the test: what was asked, and to be away for a while. */
import { until, isReady, type Namespace } from './kubectl.ts';
import { lockedContainer, scriptsVolume } from './pool.ts';
import { image } from './image.ts';

/** Requests by "<service account> <verb> <resource>". */
export type Counts = Readonly<
  Record<string, { readonly count: number; readonly statuses: Readonly<Record<string, number>> }>
>;

const labels = { 'app.kubernetes.io/component': 'api-proxy' };

export class ApiProxy {
  /** JSON patch of a Deployment that sends its processes' API requests through the proxy. */
  static readonly patch = [
    {
      op: 'add',
      path: '/spec/template/spec/volumes/-',
      value: { name: 'kubeconfig', configMap: { name: 'kubeconfig' } },
    },
    {
      op: 'add',
      path: '/spec/template/spec/containers/0/volumeMounts/-',
      value: { name: 'kubeconfig', mountPath: '/kubeconfig' },
    },
    {
      op: 'add',
      path: '/spec/template/spec/containers/0/env/-',
      value: { name: 'KUBECONFIG', value: '/kubeconfig/config' },
    },
  ] as const;

  static async start(namespace: Namespace): Promise<void> {
    const spec = {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      terminationGracePeriodSeconds: 2,
      containers: [
        {
          ...lockedContainer,
          name: 'api-proxy',
          image,
          command: ['node', '/scripts/api-proxy.ts'],
          ports: [{ name: 'api', containerPort: 8001 }],
          readinessProbe: { httpGet: { path: '/counts', port: 9000 }, periodSeconds: 1 },
          resources: { requests: { cpu: '20m', memory: '64Mi' } },
          volumeMounts: [{ name: 'scripts', mountPath: '/scripts' }],
        },
      ],
      volumes: [scriptsVolume],
    };
    await namespace.apply({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'kubeconfig' },
          data: { config: kubeconfig(namespace.name) },
        },
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'api-proxy' },
          spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'api-proxy' },
          spec: { selector: labels, ports: [{ name: 'api', port: 8001 }] },
        },
      ],
    });
    await namespace.rollout('api-proxy');
  }

  readonly #namespace: Namespace;

  constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  counts(): Promise<Counts> {
    return this.#ask('/counts');
  }

  /** Connections that are open break, new ones are refused; or it is back. */
  async away(away: boolean): Promise<void> {
    await this.#ask(`/away?is=${away}`);
  }

  async #ask(path: string): Promise<Counts> {
    const pod = await until(
      'the proxy',
      30_000,
      async () => (await this.#namespace.pods('app.kubernetes.io/component=api-proxy')).find(isReady) ?? null,
    );
    return JSON.parse(await this.#namespace.get(pod.metadata.name, 9000, path)) as Counts;
  }
}

/** Kubeconfig of a pod, with the pod's own token. The client refuses a server without TLS unless verification is off. */
function kubeconfig(namespace: string): string {
  const cluster = { server: 'http://api-proxy:8001', 'insecure-skip-tls-verify': true };
  const tokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'proxy', cluster }],
    users: [{ name: 'pod', user: { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } } }],
    contexts: [{ name: 'pod', context: { cluster: 'proxy', user: 'pod', namespace } }],
    'current-context': 'pod',
  });
}
