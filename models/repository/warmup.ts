/**
 * Runs a model before it is ready, at 1, 2, 4 … maxRows rows, so that clients don't pay for the memory that the first runs of
 * a size allocate. The measured times (run, stack and split) are the gateway's first estimate of l(b), the latency of a run of
 * b rows; parsing it learns from real requests. Warm-up ends early when the budget of the start does.
 */
import type { Datatype } from '../../contract/datatypes.ts';
import { allocate, elementCount } from '../../contract/tensor-data.ts';
import { rowElements } from '../row-elements.ts';
import { split } from '../rows.ts';
import type { ServedModel } from './served-model.ts';
import type { StartBudget } from '../proof/budget.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { Tensor, Tensors } from '../tensor.ts';

export type WarmupResult =
  | { readonly kind: 'warm' }
  /** Largest run that fitted into the budget. */
  | { readonly kind: 'cut-short'; readonly rows: number; readonly reason: string }
  /** The model took neither the sample nor zeros; it may still take the inputs of clients. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** Outputs have another number of rows than the inputs, so requests can't share a run. */
  | { readonly kind: 'undividable'; readonly reason: string };

/** @param sample a row that the model is known to take; null to try zeros */
export async function warmUp(
  model: ServedModel,
  host: SessionHost,
  { sample, budget }: { readonly sample: Tensors | null; readonly budget: StartBudget },
): Promise<WarmupResult> {
  let reached = 0;
  let lastRunMs = 0;
  const row = sample ?? zeroRow(model);
  for (const rows of sizes(model.maxRows)) {
    // Each size takes two runs, of at most twice the rows of the last size. One row is run whatever the budget.
    const reason = budget.obstacleTo(4 * lastRunMs);
    if (reason !== null && reached > 0) return { kind: 'cut-short', rows: reached, reason };
    // The second run is the one that is measured: the first includes allocations.
    for (const counts of [false, true]) {
      const parts = Array.from({ length: rows }, () => row);
      const startedMs = performance.now();
      const { session, signature } = model;
      const ran = host.runAtStart({ session, signature, undelayed: false }, parts, rows);
      const stackedMs = performance.now();
      const outcome = await ran;
      lastRunMs = outcome.cpuUs / 1000;
      budget.spend(rows, lastRunMs);
      if (outcome.kind === 'failed') return { kind: 'failed', reason: outcome.message };
      const splitStartedMs = performance.now();
      if (model.unbatchedReason === null) {
        try {
          split(
            model.signature,
            outcome.outputs,
            parts.map(() => 1),
          );
        } catch (error) {
          return { kind: 'undividable', reason: error instanceof Error ? error.message : String(error) };
        }
      }
      const ownMs = stackedMs - startedMs + (performance.now() - splitStartedMs);
      if (!counts) continue;
      const elements = rowElements(model.freeInputs, row);
      model.warmup.push({
        rows,
        occupiedUs: Math.round(ownMs * 1000 + outcome.runUs),
        ...(elements === undefined ? {} : { rowElements: elements }),
      });
    }
    reached = rows;
  }
  return { kind: 'warm' };
}

function sizes(maxRows: number): number[] {
  const all: number[] = [];
  for (let rows = 1; rows < maxRows; rows *= 2) all.push(rows);
  all.push(maxRows);
  return all;
}

function zeroRow(model: ServedModel): Tensors {
  const inputs = new Map<string, Tensor>();
  for (const { name, datatype, shape } of model.signature.inputs) {
    const known = shape.map((length) => (length === -1 ? 1 : length));
    inputs.set(name, { datatype, shape: known, data: zeros(datatype, elementCount(known)) });
  }
  return inputs;
}

function zeros(datatype: Datatype, length: number): Tensor['data'] {
  return datatype === 'BYTES' ? Array.from({ length }, () => new Uint8Array(0)) : allocate(datatype, length);
}
