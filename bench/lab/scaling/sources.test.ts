import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { sourcesOf } from './cache.ts';
import { drawnCases, type Case } from './cases.ts';
import { sourcesFrom } from './sources.ts';

test('imports are followed once, also in circles and over several lines; types are not', (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-sources-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const files = {
    'a.ts': "import { b } from './b.ts';\nimport type { T } from './types.ts';\nimport fs from 'node:fs';\n",
    'b.ts': "import {\n  a,\n} from './a.ts';\nexport { c } from './c.ts';\n",
    'c.ts': '',
    'types.ts': '',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  assert.deepEqual(sourcesFrom(folder, ['a.ts']), ['a.ts', 'b.ts', 'c.ts']);
});

test("only Sluice's results depend on the scaler, only those with admission on the wait prediction", () => {
  const [drawn] = drawnCases(1, 1);
  const of: Case = { ...drawn!, source: { kind: 'trace', trace: 'azure-llm-code', seed: 1 } };
  const sluice = sourcesOf({ of, contender: { kind: 'sluice' } });
  const hpa = sourcesOf({ of, contender: { kind: 'baseline', name: 'hpa', candidate: null } });
  const clairvoyant = sourcesOf({ of, contender: { kind: 'clairvoyant' } });
  for (const sources of [sluice, hpa, clairvoyant]) {
    assert.ok(sources.includes('bench/traces/azure-llm-code.csv'));
    assert.ok(sources.includes('bench/simulate/engine.ts'));
    assert.ok(sources.includes('gateway/policy/batch.ts'));
  }
  assert.ok(sluice.includes('scaler/policy/decide.ts'));
  assert.ok(!hpa.some((file) => file.startsWith('scaler/')));
  assert.ok(hpa.includes('bench/simulate/baselines/hpa.ts'));
  assert.ok(hpa.includes('gateway/policy/wait.ts'));
  assert.ok(!clairvoyant.includes('gateway/policy/wait.ts'));
  const families = sourcesOf({ of: drawn!, contender: { kind: 'sluice' } });
  assert.ok(families.includes('bench/simulate/families/steps.ts') && !families.some((file) => file.endsWith('.csv')));
  assert.ok(!sourcesOf({ of, contender: { kind: 'before' } }).some((file) => file.startsWith('scaler/')));
});
