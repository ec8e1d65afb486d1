import assert from 'node:assert/strict';
import { test } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };
import { readSources } from './sources.ts';
import { chartFiles } from './templates.ts';

const sources = readSources();
const files = chartFiles(sources, packageJson);

test('every object that kustomize has is in a template, by kind and name', () => {
  const all = Object.values(files).join('\n');
  const { base, disruptionBudgets, priorityClasses, networkPolicies, monitoring, clusterRoles } = sources;
  const groups = [
    ...Object.values(base),
    disruptionBudgets,
    priorityClasses,
    networkPolicies,
    monitoring,
    clusterRoles,
  ];
  const manifests = groups.flat();
  assert.ok(manifests.length > 20);
  for (const { kind, metadata } of manifests) {
    assert.match(all, new RegExp(`^kind: ${kind}\\nmetadata:\\n {2}name: ${metadata.name}\\n`, 'm'));
  }
});

test('no hole is left, every block is closed, and templates of alerts stay text', () => {
  for (const [file, text] of Object.entries(files)) {
    assert.ok(!text.includes('HOLE_'), file);
    const opened = text.match(/\{\{- (if|with) /g) ?? [];
    const closed = text.match(/\{\{- end \}\}/g) ?? [];
    assert.equal(opened.length, closed.length, file);
  }
  assert.ok(files['templates/monitoring.yaml']!.includes('{{ "{{" }} $labels.pool }}'));
});

test('image, namespace and replicas are filled in from values', () => {
  const gateway = files['templates/gateway.yaml']!;
  assert.match(
    gateway,
    /image: \{\{ \.Values\.image\.repository \}\}:\{\{ \.Values\.image\.tag \| default \.Chart\.AppVersion \}\}\n/,
  );
  assert.match(gateway, /replicas: \{\{ \.Values\.gateway\.replicas \}\}\n/);
  assert.match(
    files['templates/scaler-access.yaml']!,
    /name: sluice-scaler\n {4}namespace: \{\{ \.Release\.Namespace \}\}\n/,
  );
});
