/**
 * Files of the Helm chart, made of the manifests that kustomize builds from, so that the two cannot drift apart. Pure. The templates do
 * nothing but fill in what an overlay would set: namespace, image, replicas and the components.
 */
import { stringify } from 'yaml';
import type { Manifest, Sources } from './sources.ts';

export interface ChartVersion {
  readonly version: string;
  readonly description: string;
}

/** Stands in an object where a template expression belongs; YAML leaves its letters alone. */
const holes: Readonly<Record<string, string>> = {
  HOLE_NAMESPACE: '{{ .Release.Namespace }}',
  HOLE_IMAGE: '{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}',
  HOLE_GATEWAY_REPLICAS: '{{ .Values.gateway.replicas }}',
  HOLE_SCALER_REPLICAS: '{{ .Values.scaler.replicas }}',
};
const partOf = { 'app.kubernetes.io/part-of': 'sluice' };

/** Kinds that belong to no namespace. */
const clusterWide = ['PriorityClass', 'ClusterRole'];

type Fields = Record<string, unknown>;
const fieldsOf = (value: unknown): Fields => (value ?? {}) as Fields;

/** The object as `kustomize build` of an overlay has it, with holes. The base labels its objects, and the components do not. */
function placed(object: Manifest, labels: Fields): Fields {
  const metadata: Fields = { ...object.metadata };
  const own = { ...fieldsOf(metadata['labels']), ...labels };
  if (Object.keys(own).length > 0) metadata['labels'] = own;
  if (!clusterWide.includes(object.kind)) metadata['namespace'] = 'HOLE_NAMESPACE';
  const result: Fields = { ...object, metadata };
  if (object.kind === 'RoleBinding') {
    result['subjects'] = (object['subjects'] as Fields[]).map((subject) => ({
      ...subject,
      namespace: 'HOLE_NAMESPACE',
    }));
  }
  if (object.kind === 'Deployment') result['spec'] = deploymentSpec(object);
  return result;
}

function deploymentSpec({ metadata: { name }, spec }: Manifest): Fields {
  const { template, ...rest } = fieldsOf(spec);
  const { metadata, spec: podSpec } = fieldsOf(template);
  const { containers, ...pod } = fieldsOf(podSpec);
  const [container] = containers as [Fields];
  return {
    ...rest,
    replicas: name === 'sluice-gateway' ? 'HOLE_GATEWAY_REPLICAS' : 'HOLE_SCALER_REPLICAS',
    template: {
      metadata: { ...fieldsOf(metadata), labels: { ...fieldsOf(fieldsOf(metadata)['labels']), ...partOf } },
      spec: { ...pod, HOLE_COMPONENTS: name, containers: [{ ...container, image: 'HOLE_IMAGE' }] },
    },
  };
}

/** YAML with template expressions in its holes; what looks like one in a manifest (alerts have some) stays text. */
function text(object: unknown): string {
  const yaml = stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 });
  const escaped = yaml.replaceAll('{{', '{{ "{{" }}');
  return Object.entries(holes).reduce((filled, [hole, expression]) => filled.replaceAll(hole, expression), escaped);
}

function indented(block: string, spaces: number): string {
  return block.replaceAll(/^(?=.)/gm, ' '.repeat(spaces));
}

function when(value: string, block: string): string {
  return `{{- if .Values.${value}.enabled }}\n${block}{{- end }}\n`;
}

export function chartFiles(sources: Sources, { version, description }: ChartVersion): Record<string, string> {
  const all = (manifests: readonly Manifest[], labels: Fields = {}): string =>
    manifests.map((each) => text(placed(each, labels))).join('---\n');
  /** Fields of a pod that a component adds, in place of the mark that `deploymentSpec` left. */
  const withComponents = (yaml: string): string =>
    yaml.replaceAll(/^( *)HOLE_COMPONENTS: (.*)\n/gm, (_line, { length }: string, name: string) => {
      const spread = indented(stringify(sources.topologySpread, { aliasDuplicateObjects: false }), length);
      const priority = indented(stringify({ priorityClassName: sources.priorities[name] }), length);
      const secrets = indented('imagePullSecrets: {{- toYaml . | nindent 8 }}\n', length);
      return (
        when('highAvailability', spread) +
        when('priorityClasses', priority) +
        `{{- with .Values.image.pullSecrets }}\n${secrets}{{- end }}\n`
      );
    });
  const base = Object.entries(sources.base).map(([file, manifests]) => [
    `templates/${file}`,
    withComponents(all(manifests, partOf)),
  ]);
  const dashboards = Object.entries(sources.dashboards).map(([name, json]) =>
    text({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: `sluice-dashboard-${name}`,
        namespace: 'HOLE_NAMESPACE',
        labels: { 'app.kubernetes.io/name': 'sluice', grafana_dashboard: '1' },
        annotations: { grafana_folder: 'Sluice' },
      },
      data: { [`${name}.json`]: json },
    }),
  );
  return {
    'Chart.yaml': stringify({
      apiVersion: 'v2',
      name: 'sluice',
      description,
      type: 'application',
      version,
      appVersion: version,
      kubeVersion: '>=1.29.0-0',
    }),
    'values.yaml': values,
    'crds/modelpools.yaml': sources.crd,
    'templates/NOTES.txt': notes,
    'templates/secret.yaml': secret,
    'templates/cluster-roles.yaml': when('clusterRoles', sources.clusterRoles.map((each) => text(each)).join('---\n')),
    'templates/disruption-budgets.yaml': when('highAvailability', all(sources.disruptionBudgets)),
    'templates/priority-classes.yaml': when('priorityClasses', all(sources.priorityClasses)),
    'templates/network-policies.yaml': when('networkPolicies', all(sources.networkPolicies)),
    'templates/monitoring.yaml': when('monitoring', [all(sources.monitoring), ...dashboards].join('---\n')),
    ...(Object.fromEntries(base) as Record<string, string>),
  };
}

const values = `# Where the image is that you built from deploy/Containerfile. The tag is the version of the chart unless you set one.
image:
  repository: localhost/sluice
  tag: ''
  # Secrets of a registry, as [{ name: … }].
  pullSecrets: []
gateway:
  replicas: 1
scaler:
  replicas: 1
# Makes the Secret that gateways, scalers and pods know one another by, once. Switch it off to make it yourself.
secret:
  enabled: true
# Who may edit and view pools, by Kubernetes' own roles. Names of the whole cluster: switch it off in a second installation.
clusterRoles:
  enabled: true
# The components of deploy/components. With high availability set the replicas to 2.
highAvailability:
  enabled: false
# Names of the whole cluster too.
priorityClasses:
  enabled: false
networkPolicies:
  enabled: false
# PodMonitors and rules of the Prometheus operator, dashboards for Grafana's sidecar.
monitoring:
  enabled: false
`;

const secret = `{{- if .Values.secret.enabled }}
{{- $there := lookup "v1" "Secret" .Release.Namespace "sluice" }}
apiVersion: v1
kind: Secret
metadata:
  name: sluice
  namespace: {{ .Release.Namespace }}
  labels:
    app.kubernetes.io/part-of: sluice
  annotations:
    # Pods of pools mount it, and outlive this release.
    helm.sh/resource-policy: keep
type: Opaque
data:
  {{- if $there }}
  secret: {{ $there.data.secret }}
  {{- else }}
  secret: {{ randAlphaNum 64 | b64enc }}
  {{- end }}
{{- end }}
`;

const notes = `Sluice runs in the namespace {{ .Release.Namespace }}. It serves what pools say: a ModelPool for each Deployment of model servers.
Examples are in docs/examples.

  kubectl -n {{ .Release.Namespace }} get modelpools
  kubectl -n {{ .Release.Namespace }} port-forward service/sluice 8080:80                 the gateway
  kubectl -n {{ .Release.Namespace }} port-forward service/sluice-scaler 8082             the live page
`;
