/** Checks the manifests of deploy/ and docs/examples/. Needs no cluster; builds overlays with kustomize if kubectl is installed. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type Type from 'typebox';
import { parseAllDocuments } from 'yaml';
import { buildProgram } from '../cli/program.ts';
import { parseModelPool } from '../contract/model-pool.ts';
import { readSettings, variableName } from '../contract/settings.ts';
import { GatewaySettings } from '../gateway/settings.ts';
import { ModelServerSettings } from '../models/settings.ts';
import { ScalerSettings } from '../scaler/settings.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}
interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> };
  readonly securityContext: object;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}
interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly enableServiceLinks?: boolean;
  readonly securityContext: { readonly runAsNonRoot: boolean; readonly seccompProfile: { readonly type: string } };
  readonly containers: readonly [Container];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly secret?: object }[];
}
interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly rules?: readonly { readonly verbs: readonly string[]; readonly resources: readonly string[] }[];
  readonly spec: {
    readonly replicas?: number;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly scaleTargetRef?: { readonly name: string };
    readonly strategy: { readonly rollingUpdate: { readonly maxUnavailable: number } };
    readonly unhealthyPodEvictionPolicy?: string;
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: PodSpec;
    };
  };
}

function objects(file: string): KubernetesObject[] {
  return parseAllDocuments(readFileSync(path.join(root, file), 'utf8')).map((document) => {
    assert.deepEqual(document.errors, [], file);
    return document.toJS() as KubernetesObject;
  });
}

const examples = globSync('docs/examples/*.yaml', { cwd: root });
const files = [...globSync('deploy/{base,components,overlays}/**/*.yaml', { cwd: root }), ...examples].filter(
  (file) => !file.endsWith('kustomization.yaml') && !file.includes('monitoring'),
);
const all = files.flatMap((file) => objects(file).map((object) => ({ file, object })));
const deployments = all.filter(({ object }) => object.kind === 'Deployment');
const ours = deployments.filter(({ object }) => object.spec.template.spec.containers[0].name !== 'triton');

test('the expected manifests are found', () => {
  assert.deepEqual(deployments.map(({ object }) => object.metadata.name).toSorted(), [
    'langid',
    'mlp-fetched',
    'mlp-on-volume',
    'sluice-gateway',
    'sluice-scaler',
    'triton',
  ]);
});

test('pods meet Pod Security "restricted", with a read-only file system', () => {
  for (const { file, object } of deployments) {
    const { securityContext, containers, initContainers = [] } = object.spec.template.spec;
    assert.equal(securityContext.runAsNonRoot, true, file);
    assert.equal(securityContext.seccompProfile.type, 'RuntimeDefault', file);
    for (const container of [...containers, ...initContainers]) {
      assert.deepEqual(
        container.securityContext,
        {
          allowPrivilegeEscalation: false,
          ...(container.name === 'triton' ? {} : { readOnlyRootFilesystem: true }),
          capabilities: { drop: ['ALL'] },
        },
        `${file}: ${container.name}`,
      );
      assert.deepEqual(Object.keys(container.resources.requests), ['cpu', 'memory'], file);
      // No CPU limit, since throttling adds latency.
      assert.deepEqual(Object.keys(container.resources.limits), ['memory'], file);
    }
  }
});

const commands: Readonly<Record<string, Type.TObject>> = {
  gateway: GatewaySettings,
  scaler: ScalerSettings,
  'model-server': ModelServerSettings,
};

/** Settings with which a container's process would start. */
function settingsOf({ args, env = [] }: Container): Record<string, number> {
  const [command, ...rest] = args as [string, ...string[]];
  const schema = commands[command];
  assert.ok(schema !== undefined, command);
  const known = Object.keys(schema.properties).map(variableName);
  const variables: Record<string, string> = { SLUICE_REPOSITORY: '/app/models/zoo' };
  for (const { name, value } of env) {
    if (!name.startsWith('SLUICE_')) continue;
    assert.ok(known.includes(name), `${name} is no setting of sluice ${command}`);
    variables[name] = value ?? 'from-the-pod';
  }
  const options = buildProgram({ env: {}, print: () => undefined }).commands.find((each) => each.name() === command);
  assert.ok(options !== undefined, `there is no sluice ${command}`);
  for (const flag of rest.filter((arg) => arg.startsWith('--'))) {
    assert.ok(
      options.options.some(({ long }) => long === flag),
      `sluice ${command} has no ${flag}`,
    );
  }
  return readSettings(schema, variables) as unknown as Record<string, number>;
}

test('the grace period of a pod covers its shutdown, which ends before the pod is killed', () => {
  // Time to answer and close after the waiting.
  const marginMs = 2000;
  for (const { file, object } of ours) {
    const { containers, terminationGracePeriodSeconds } = object.spec.template.spec;
    const [command] = containers[0].args;
    const { graceMs, drainDelayMs = 0, runLimitMs = 0 } = settingsOf(containers[0]);
    const longestMs = {
      gateway: drainDelayMs + parsedDefaultTimeoutMs(),
      // The current run and the next one.
      'model-server': drainDelayMs + 2 * runLimitMs,
      scaler: 0,
    }[command!]!;
    assert.ok(longestMs + marginMs <= graceMs!, `${file}: ${longestMs} + ${marginMs} > ${graceMs!} ms`);
    assert.ok(graceMs! + marginMs <= terminationGracePeriodSeconds * 1000, `${file}: ${graceMs!} ms`);
    if (command !== 'scaler') assert.ok(drainDelayMs >= 3000, `${file}: news of an end takes up to some seconds`);
  }
});

function parsedDefaultTimeoutMs(): number {
  const { pool } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'any' },
    spec: { models: ['any'] },
  });
  return pool!.spec.requests.timeoutMs;
}

test('every process of Sluice reads the shared secret from the Secret of its namespace, and no manifest holds one', () => {
  for (const { file, object } of ours) {
    const { containers, volumes = [] } = object.spec.template.spec;
    const [{ env = [], volumeMounts = [] }] = containers;
    const { value } = env.find(({ name }) => name === 'SLUICE_SECRET_FILE') ?? {};
    const mount = volumeMounts.find(({ mountPath }) => value === `${mountPath}/secret`);
    assert.equal(mount?.readOnly, true, file);
    assert.deepEqual(volumes.find(({ name }) => name === mount.name)?.secret, { secretName: 'sluice' }, file);
    assert.ok(!env.some(({ name }) => name === 'SLUICE_SECRET' || name === 'SLUICE_ACCEPT_PEERS_WITHOUT_SECRET'), file);
  }
  assert.deepEqual(
    all.filter(({ object }) => object.kind === 'Secret'),
    [],
  );
});

test('service links are disabled: the Service `sluice` would set SLUICE_PORT', () => {
  for (const { file, object } of deployments) assert.equal(object.spec.template.spec.enableServiceLinks, false, file);
});

test('probes use existing ports, and liveness fails later than readiness', () => {
  for (const { file, object } of deployments) {
    const [container] = object.spec.template.spec.containers;
    const { startupProbe, readinessProbe, livenessProbe, ports } = container;
    for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) {
      assert.ok(
        ports.some(({ name }) => name === httpGet.port),
        `${file}: ${httpGet.port}`,
      );
      assert.match(httpGet.path, /^\/(livez|readyz|v2\/health\/(live|ready))$/, file);
    }
    const patienceSeconds = ({ periodSeconds = 10, failureThreshold = 3 }: Probe) => periodSeconds * failureThreshold;
    assert.ok(patienceSeconds(livenessProbe) >= 2 * patienceSeconds(readinessProbe), file);
    assert.equal(startupProbe.periodSeconds, 1, `${file}: a slow look makes a slow cold start`);
    assert.match(livenessProbe.httpGet.path, /live/, `${file}: a restart cures no missing model`);
  }
});

test('ports of the processes are those of the manifests', () => {
  for (const { file, object } of ours) {
    const [container] = object.spec.template.spec.containers;
    const { port, adminPort } = settingsOf(container);
    const expected = [
      ...(port === undefined ? [] : [{ name: 'http', containerPort: port }]),
      ...(adminPort === undefined ? [] : [{ name: 'admin', containerPort: adminPort }]),
    ];
    assert.deepEqual(container.ports, expected, file);
  }
});

test('a rollout of any Deployment starts the new pod first', () => {
  for (const { file, object } of deployments) assert.equal(object.spec.strategy.rollingUpdate.maxUnavailable, 0, file);
});

test('disruption budgets allow evicting unready pods, and select the pods of a Deployment', () => {
  const budgets = all.filter(({ object }) => object.kind === 'PodDisruptionBudget');
  assert.equal(budgets.length, examples.length + 2);
  for (const { file, object } of budgets) {
    assert.equal(object.spec.unhealthyPodEvictionPolicy, 'AlwaysAllow', file);
    const wanted = Object.entries(object.spec.selector.matchLabels);
    const selected = deployments.filter(({ object: { spec } }) =>
      wanted.every(([key, value]) => spec.template.metadata.labels[key] === value),
    );
    assert.deepEqual(
      selected.map((each) => each.object.metadata.name),
      [object.metadata.name],
      file,
    );
  }
});

test('no role has a wildcard, and nothing is granted outside the namespace', () => {
  assert.deepEqual(
    all.filter(({ object }) => object.kind.startsWith('Cluster')),
    [],
  );
  const roles = all.filter(({ object }) => object.kind === 'Role');
  assert.equal(roles.length, 2);
  for (const { object } of roles) {
    for (const { verbs, resources } of object.rules!) {
      assert.ok(![...verbs, ...resources].includes('*'));
      assert.ok(!resources.includes('secrets') && !verbs.includes('deletecollection'));
    }
  }
});

test('an installation has the same rights in the namespaces of its pools as in its own, but for the Lease', () => {
  const rulesOf = (file: string, name: string) =>
    objects(file)
      .find(({ kind, metadata }) => kind === 'Role' && metadata.name === name)!
      .rules!.filter(({ resources }) => !resources.includes('leases'));
  for (const part of ['gateway', 'scaler']) {
    const there = rulesOf('deploy/pool-namespace/access.yaml', `sluice-${part}`);
    assert.deepEqual(there, rulesOf(`deploy/base/${part}-access.yaml`, `sluice-${part}`), part);
  }
});

test('what a cluster has once is in no overlay, and opens ModelPools to admin, edit and view alone', () => {
  for (const file of globSync('deploy/{base,components,overlays}/**/kustomization.yaml', { cwd: root })) {
    assert.doesNotMatch(readFileSync(path.join(root, file), 'utf8').replaceAll(/#.*/g, ''), /crd/, file);
  }
  const roles = objects('deploy/crd/roles.yaml');
  const aggregated = roles.flatMap(({ metadata }) =>
    Object.keys(metadata.labels ?? {}).flatMap((label) => /aggregate-to-(\w+)$/.exec(label)?.[1] ?? []),
  );
  assert.deepEqual(aggregated, ['admin', 'edit', 'view']);
  for (const { rules } of roles) {
    for (const { resources } of rules!) assert.deepEqual(resources, ['modelpools']);
  }
});

test('example pools are valid and name a Deployment of the same file without replicas', () => {
  for (const file of examples) {
    const own = objects(file);
    const pools = own.filter(({ kind }) => kind === 'ModelPool');
    assert.equal(pools.length, 1, file);
    assert.deepEqual(parseModelPool(pools[0]).errors, [], file);
    const target = own.find(({ kind }) => kind === 'Deployment');
    assert.equal(pools[0]!.spec.scaleTargetRef?.name, target?.metadata.name, file);
    assert.equal(target?.spec.replicas, undefined, `${file}: an apply would set the replicas back`);
  }
});

test('kustomize builds each overlay, with a named image', (t) => {
  if (spawnSync('kubectl', ['version', '--client']).status !== 0) {
    assert.ok(process.env['CI'] === undefined, 'CI has to have kubectl');
    return t.skip('there is no kubectl');
  }
  for (const overlay of ['dev', 'prod']) {
    const folder = path.join(root, 'deploy/overlays', overlay);
    const built = parseAllDocuments(execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' })).map(
      (document) => document.toJS() as KubernetesObject & { metadata: { namespace?: string } },
    );
    const scaled = built.filter(({ kind }) => kind === 'Deployment');
    assert.deepEqual(
      scaled.map(({ metadata, spec }) => [metadata.name, metadata.namespace, spec.replicas]),
      [
        ['sluice-gateway', 'sluice', overlay === 'prod' ? 2 : 1],
        ['sluice-scaler', 'sluice', overlay === 'prod' ? 2 : 1],
      ],
    );
    const images = new Set(scaled.map(({ spec }) => spec.template.spec.containers[0].image));
    assert.equal(images.size, 1);
    assert.match([...images][0]!, /.\/sluice:(?!latest)/);
  }
});

test('files that README and docs/kubernetes.md pass to kubectl exist', () => {
  const pages = ['README.md', 'docs/kubernetes.md'].map((page) => readFileSync(path.join(root, page), 'utf8'));
  const taken = pages.flatMap((text) =>
    [...text.matchAll(/kubectl\b[^\n]* -[fk] ((?:deploy|docs)\/[\w./-]+)/g)].map((match) => match[1]!),
  );
  assert.ok(taken.length > 0);
  for (const file of taken) assert.ok(existsSync(path.join(root, file)), file);
});
