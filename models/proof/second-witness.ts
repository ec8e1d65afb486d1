/**
 * Combines the two witnesses: what the trial saw (prove.ts) and what the walk over the graph is certain of (graph/walk.ts).
 * Pure. The trial alone can refuse; the walk refuses only what the trial lets pass, and else explains what the trial saw.
 */
import type { OnnxFile } from './graph/onnx-file.ts';
import { OnnxReadError } from './graph/protobuf.ts';
import { walk } from './graph/walk.ts';
import type { ProofSubject, Verdict } from './prove.ts';

export type Witness = (inputs: readonly { readonly name: string; readonly batchAxis: number | null }[]) => {
  /** Operator that mixes rows and reaches an output. */
  readonly decisive: string | null;
  /** Operator that mixes rows, whether or not it does. */
  readonly explains: string | null;
};

/** The walk as a witness. A graph that is too large to follow is silent. */
export function witnessOf(graph: OnnxFile, { inputs: file }: Pick<ProofSubject, 'inputs'>): Witness {
  return (inputs) => {
    const axes = new Map(inputs.map(({ name, batchAxis }) => [name, batchAxis]));
    try {
      const { decisive, findings } = walk(
        graph,
        file.map(({ name, datatype, shape }) => ({ name, datatype, shape, batchAxis: axes.get(name) ?? null })),
      );
      return { decisive, explains: decisive ?? findings[0] ?? null };
    } catch (error) {
      if (error instanceof OnnxReadError) return { decisive: null, explains: null };
      throw error;
    }
  };
}

/** @param subject whose first hypothesis is the one that a refusal of the trial is about */
export function combined(verdict: Verdict, subject: Pick<ProofSubject, 'hypotheses'>, witness: Witness): Verdict {
  const { sample } = verdict;
  switch (verdict.kind) {
    case 'independent': {
      const { decisive } = witness(verdict.signature.inputs);
      return decisive === null ? verdict : { kind: 'dependent', reason: decisive, sample };
    }
    case 'dependent': {
      const [likeliest] = subject.hypotheses;
      const inputs = [...(likeliest ?? [])].map(([name, batchAxis]) => ({ name, batchAxis }));
      const { explains } = witness(inputs);
      return explains === null ? verdict : { kind: 'dependent', reason: `${verdict.reason}; ${explains}`, sample };
    }
    case 'unproven':
      return verdict;
  }
}
