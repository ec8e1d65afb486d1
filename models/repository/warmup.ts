/**
 * Runs a model before it is ready, at 1, 2, 4 … maxRows rows: the first runs of a size allocate memory, and clients shouldn't pay
 * for that. What they took is the first fit of l(b) at the gateway; it has run, stack and split in it, and no parsing, which the
 * gateway learns from real requests. Ends early where the budget of the start does.
 */
import type { Datatype } from '../../contract/datatypes.ts';
import { allocate, elementCount } from '../../contract/tensor-data.ts';
import { split } from '../rows.ts';
import type { ServedModel } from './served-model.ts';
import type { StartBudget } from '../proof/budget.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { Tensor, Tensors } from '../tensor.ts';

export type WarmupResult =
  | { readonly kind: 'warm' }
  /** The budget ended at this many rows. */
  | { readonly kind: 'cut-short'; readonly rows: number; readonly reason: string }
  /** The model took neither the sample nor zeros; it may well take what clients send. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** Outputs have other rows than went in, so requests can't share a run. */
  | { readonly kind: 'undividable'; readonly reason: string };

/** @param sample a row that the model takes; zeros are tried where none is known */
export async function warmUp(
  model: ServedModel,
  host: SessionHost,
  { sample, budget }: { readonly sample: Tensors | null; readonly budget: StartBudget },
): Promise<WarmupResult> {
  let reached = 0;
  let lastRunMs = 0;
  const row = sample ?? zeroRow(model);
  for (const rows of sizes(model.maxRows)) {
    // Two runs of at most twice the rows of the last. One row is run whatever it takes: without it nothing is known.
    const reason = budget.obstacleTo(4 * lastRunMs);
    if (reason !== null && reached > 0) return { kind: 'cut-short', rows: reached, reason };
    // Twice, and the second counts: the first has the allocations in it.
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
      if (counts) model.warmup.push({ rows, occupiedUs: Math.round(ownMs * 1000 + outcome.runUs) });
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
