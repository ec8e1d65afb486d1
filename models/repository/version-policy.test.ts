import assert from 'node:assert/strict';
import test from 'node:test';
import { parseModelConfig } from './model-config.ts';
import { policyProblem, wantedVersions, type VersionPolicy } from './version-policy.ts';

const present = ['10', '1', '9', '2'];
const wanted = (policy: VersionPolicy | undefined, failed: string[] = [], inUse: string[] = []): string =>
  wantedVersions(policy, { present, failed: new Set(failed), inUse }).join(' ');

test('versions are all, the latest, or those that are named, by number', () => {
  assert.equal(wanted(undefined), '1 2 9 10');
  assert.equal(wanted('all'), '1 2 9 10');
  assert.equal(wanted({ latest: 1 }), '10');
  assert.equal(wanted({ latest: 3 }), '2 9 10');
  assert.equal(wanted({ latest: 30 }), '1 2 9 10');
  assert.equal(wanted({ specific: [9, '002', 77] }), '2 9');
});

test('an older version takes the place of one that cannot be loaded, and what serves stays', () => {
  assert.equal(wanted({ latest: 1 }, ['10']), '9 10');
  assert.equal(wanted({ latest: 2 }, ['9']), '2 9 10');
  assert.equal(wanted({ latest: 1 }, ['10', '9', '2', '1']), '10');
  assert.equal(wanted({ latest: 1 }, [], ['2']), '2 10');
  assert.equal(wanted({ specific: [1] }, [], ['9', '33']), '1 9');
});

test('a policy that leaves nothing says so, and a wrong one names its field', () => {
  assert.equal(policyProblem({ specific: [1] }, present), null);
  assert.equal(policyProblem({ latest: 2 }, present), null);
  assert.equal(
    policyProblem({ specific: [7, '8'] }, present),
    'config.yaml: /versionPolicy/specific: there is none of 7, 8, only 10, 1, 9, 2',
  );
  for (const bad of ['some', '{ latest: 0 }', '{ specific: [] }', '{ specific: [x] }', '{ newest: 2 }', '3']) {
    assert.throws(() => parseModelConfig(`versionPolicy: ${bad}`), /config\.yaml: line 1: \/versionPolicy/, bad);
  }
});
