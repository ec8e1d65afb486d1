/** Reports on models: which version a pool serves, what keeps its pods from agreeing, and the cost that was measured best. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolLoad } from '../../contract/load-report.ts';
import type { PoolModel } from '../../contract/model-versions.ts';
import { modelReports, type ModelContext } from './model-reports.ts';

const nothing: ModelContext = { loads: [], unbatched: {}, unserved: {}, versions: [], ratesOf: () => null };
const of = (given: Partial<PoolModel>): PoolModel => ({ name: 'm', version: '2', generation: 1, ...given });

function report(given: Partial<ModelContext>) {
  const [model] = modelReports(['m'], { ...nothing, ...given });
  return model!;
}

test('a model of which nothing is known has no version, no cost and no rates', () => {
  const { name, ...rest } = report({});
  assert.equal(name, 'm');
  assert.deepEqual(new Set(Object.values(rest)), new Set([null]));
});

test('the default version with its hash; skew and versions that failed are remarks, one that loads is none', () => {
  const hash = '0123456789abcdef';
  const calm = report({ versions: [of({ hash, unsettled: [{ version: '3', state: 'loading' }] })] });
  assert.deepEqual([calm.version, calm.hash, calm.versionRemark], ['2', hash, null]);
  const unsettled = [
    { version: '3', state: 'failed', reason: 'no such operator' },
    { version: '4', state: 'banned' },
  ] as const;
  assert.equal(
    report({ versions: [of({ skewed: true, unsettled: [...unsettled] })] }).versionRemark,
    'not every pod has version 2; version 3 failed: no such operator; version 4 banned',
  );
});

test('of several gateways the cost of the most samples counts, and the smallest cap', () => {
  const load = (samples: number, maxRows: number) =>
    ({
      models: [
        {
          name: 'm',
          arrivals: 1,
          rowsPerRequest: 1,
          maxRows,
          fit: samples === 0 ? null : { aMs: samples, cMs: 1, samples },
        },
      ],
    }) as Partial<PoolLoad> as PoolLoad;
  const { cost, maxRows } = report({ loads: [load(3, 8), load(9, 64), load(0, 32)] });
  assert.deepEqual([cost, maxRows], [{ aMs: 9, cMs: 1 }, 8]);
});
