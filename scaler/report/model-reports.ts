/** Reports on the models of one pool: what the gateways learned and counted of each, and which version the pool serves. Pure. */
import type { ModelLoad, PoolLoad } from '../../contract/load-report.ts';
import { staysOut, type PoolModel } from '../../contract/model-versions.ts';
import type { ModelReport } from '../../contract/model-report.ts';
import type { PoolReport } from '../../contract/scaler-api.ts';
import type { ModelRates } from '../observe/model-rates-window.ts';

export interface ModelContext {
  readonly loads: readonly PoolLoad[];
  readonly unbatched: PoolReport['unbatched'];
  readonly unserved: PoolReport['unserved'];
  readonly versions: readonly PoolModel[];
  readonly ratesOf: (model: string) => ModelRates | null;
}

export function modelReports(models: readonly string[], context: ModelContext): ModelReport[] {
  const loads = Map.groupBy(
    context.loads.flatMap((load) => load.models),
    ({ name }) => name,
  );
  return models.map((name) => modelReport(name, loads.get(name) ?? [], context));
}

function modelReport(
  name: string,
  loads: readonly ModelLoad[],
  { unbatched, unserved, versions, ratesOf }: ModelContext,
): ModelReport {
  const rates = ratesOf(name);
  const served = versions.find((model) => model.name === name);
  // Gateways differ in what they have measured: the cost of the most samples is the one to believe.
  const fit = loads.reduce<ModelLoad['fit']>(
    (best, load) => (load.fit !== null && load.fit.samples > (best?.samples ?? -1) ? load.fit : best),
    null,
  );
  const caps = loads.map(({ maxRows }) => maxRows);
  return {
    name,
    version: served?.version ?? null,
    hash: served?.hash ?? null,
    versionRemark: served === undefined ? null : remarkOn(served),
    maxRows: caps.length === 0 ? null : Math.min(...caps),
    unbatchedReason: unbatched[name] ?? null,
    unservedReason: unserved[name] ?? null,
    arrivalsPerS: rates?.arrivalsPerS ?? null,
    rowsPerS: rates?.rowsPerS ?? null,
    answers: rates?.answers ?? null,
    p99Ms: rates?.p99Ms ?? null,
    cost: fit === null ? null : { aMs: fit.aMs, cMs: fit.cMs },
  };
}

/** Remark on what keeps the pods from agreeing, or a version from being served; one that is being loaded is none. */
function remarkOn({ version, skewed, unsettled = [] }: PoolModel): string | null {
  const skew = skewed === true ? [`not every pod has version ${version}`] : [];
  const out = unsettled
    .filter(staysOut)
    .map((one) => `version ${one.version} ${one.state}${one.reason === undefined ? '' : `: ${one.reason}`}`);
  const remarks = [...skew, ...out];
  return remarks.length === 0 ? null : remarks.join('; ');
}
