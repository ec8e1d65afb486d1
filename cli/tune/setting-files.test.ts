import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { parsePools } from '../../cluster/pools-file.ts';
import { parseModelConfig } from '../../models/repository/model-config.ts';
import { scanRepository } from '../../models/repository/repository.ts';
import { poolYaml, writeSettingFiles } from './setting-files.ts';
import { tuneChart } from './text.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'setting-files-'));
after(() => rmSync(folder, { recursive: true }));
const setting = { threads: 3, maxRows: 16, pods: 2 };

test('the model is linked with other threads, and its own config stays as it is', async () => {
  const directory = path.join(folder, 'mine');
  mkdirSync(path.join(directory, '1'), { recursive: true });
  writeFileSync(path.join(directory, '1', 'model.onnx'), '');
  const configText = 'threads: 1\nbatching: never # as measured\n';
  writeFileSync(path.join(directory, 'config.yaml'), configText);
  const model = { name: 'mine', directory, configText };
  const files = writeSettingFiles({ model, latencyMs: 100, percentile: 99 }, setting);
  const [found] = await scanRepository(files.repository, ['mine']);
  assert.equal(found!.problem, null);
  assert.deepEqual(
    found!.versions.map(({ version }) => version),
    ['1'],
  );
  const config = parseModelConfig(readFileSync(path.join(files.repository, 'mine', 'config.yaml'), 'utf8'));
  assert.deepEqual([config.threads, config.batching], [3, 'never']);
  assert.equal(parsePools(readFileSync(files.pools, 'utf8')).pools[0]!.spec.scaling.maxReplicas, 2);
  files.remove();
  assert.ok(!existsSync(files.pools));
  assert.equal(readFileSync(path.join(directory, 'config.yaml'), 'utf8'), configText);
  assert.ok(existsSync(path.join(directory, '1', 'model.onnx')));
});

for (const name of ['langid', 'My_Model.v2', 'true', '1.0', '___', `a${'-b'.repeat(60)}`]) {
  test(`the pool of ${name} can be pasted`, () => {
    const target = { model: { name, directory: '', configText: null }, latencyMs: 0.5, percentile: 99.9 };
    const { pools, errors } = parsePools(poolYaml(target, setting, 1));
    assert.deepEqual(errors, []);
    const { models, objective, batching, scaling } = pools[0]!.spec;
    assert.deepEqual([models, objective?.latencyMs, objective?.percentile], [[name], 0.5, 99.9]);
    assert.deepEqual([batching.maxRows, scaling.minReplicas, scaling.maxReplicas], [16, 2, 2]);
  });
}

test('the chart is sorted by cost, marks the choice, and ends a bar of latency at the objective', () => {
  const dear = { ...setting, keptPerSecond: 20, p99Ms: 50, inTimePercent: 99.999 };
  const cheap = { ...setting, pods: 1, keptPerSecond: 0, p99Ms: 500, inTimePercent: 98.99 };
  const lines = tuneChart({ perSecond: 20 }, 100, { trials: [dear, cheap], chosen: dear }).split('\n');
  assert.match(lines[1]!, /^ +3 +1 +3 +16 +missed +98\.9% +500 ms +█{30}$/);
  assert.match(lines[2]!, /^→ +6 +2 +3 +16 +20\/s +99\.9% +50 ms +█{10} {10}│$/);
  assert.match(tuneChart({ perSecond: null }, 100, { trials: [dear, cheap], chosen: dear }), /ms +█{30}$/m);
});
