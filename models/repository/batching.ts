/**
 * Decides whether requests of a model may share a run: by what a person said in config.yaml, else by the proof of
 * models/proof/. Runs the model and reads its file, and changes nothing.
 */
import { hypotheses, type InputAxes } from '../proof/axes.ts';
import type { StartBudget } from '../proof/budget.ts';
import { readOnnxFile } from '../proof/graph/onnx-file.ts';
import { prove, type ProofSubject, type Verdict } from '../proof/prove.ts';
import { combined, witnessOf, type Witness } from '../proof/second-witness.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { Tensors } from '../tensor.ts';
import type { ModelConfig } from './model-config.ts';
import { batchability, unbatched, type Batchability, type FileSignature } from './signature.ts';

export interface Batching extends Batchability {
  /** A row that the model was seen to take; null where none was found. */
  readonly sample: Tensors | null;
  /** Warning about a setting that the proof contradicts; null if there is none. */
  readonly warning: string | null;
}

/** Seed of the random inputs, fixed so that a model is tried in the same way at every start. */
const seed = 1;

export interface ModelToJudge {
  /** Path of the ONNX file. */
  readonly path: string;
  readonly session: number;
  readonly signature: FileSignature;
}

export interface JudgeOptions {
  readonly host: Pick<SessionHost, 'runAtStart'>;
  readonly budget: StartBudget;
  readonly maxRows: number;
}

/** @throws SignatureError where config.yaml contradicts the file */
export async function decideBatching(
  { path, session, signature: file }: ModelToJudge,
  config: ModelConfig,
  { host, budget, maxRows }: JudgeOptions,
): Promise<Batching> {
  const declared = batchability(file, config);
  const runAlone = (reason: string, sample: Tensors | null): Batching => ({
    signature: unbatched(file),
    unbatchedReason: reason,
    sample,
    warning: null,
  });
  if (config.batching === 'never') return runAlone('config.yaml says batching: never', null);
  if (maxRows === 1) return runAlone('maxRows is 1', null);
  const witness = readWitness(path, file);
  if (config.batching === 'always') {
    const { decisive } = witness(declared.signature.inputs);
    const warning = decisive === null ? null : `batching: always is obeyed, and ${decisive}`;
    return { ...declared, sample: null, warning };
  }

  const subject = (axes: readonly InputAxes[]): ProofSubject => ({
    ...file,
    hypotheses: axes,
    run: async (inputs, rows) => {
      const outcome = await host.runAtStart({ session, signature: unbatched(file), undelayed: true }, [inputs], rows);
      return { ...outcome, runMs: outcome.cpuUs / 1000 };
    },
  });
  if (namesAxes(config)) {
    if (declared.unbatchedReason !== null) return { ...declared, sample: null, warning: null };
    const axes = new Map(declared.signature.inputs.map(({ name, batchAxis }) => [name, batchAxis]));
    const verdict = await judge(subject([axes]), budget, witness);
    return {
      ...declared,
      sample: verdict.sample,
      warning: contradiction(verdict),
    };
  }
  const possible = hypotheses(file.inputs);
  if (possible.length === 0)
    return runAlone(declared.unbatchedReason ?? 'no input has an axis of varying length', null);
  const verdict = await judge(subject(possible), budget, witness);
  if (verdict.kind !== 'independent') return runAlone(verdict.reason, verdict.sample);
  return { signature: verdict.signature, unbatchedReason: null, sample: verdict.sample, warning: null };
}

function namesAxes({ inputs, outputs }: ModelConfig): boolean {
  return [...Object.values(inputs ?? {}), ...Object.values(outputs ?? {})].some(
    ({ batchAxis }) => batchAxis !== undefined,
  );
}

function contradiction(verdict: Verdict): string | null {
  switch (verdict.kind) {
    case 'independent':
      return null;
    case 'dependent':
      return `batchAxis is obeyed, and ${verdict.reason}`;
    case 'unproven':
      return `batchAxis is obeyed unproven: ${verdict.reason}`;
  }
}

async function judge(subject: ProofSubject, budget: StartBudget, witness: Witness): Promise<Verdict> {
  return combined(await prove(subject, budget, seed), subject, witness);
}

/** A file that ONNX Runtime has loaded and that can't be followed here leaves the trial as the only witness. */
function readWitness(path: string, file: FileSignature): Witness {
  try {
    return witnessOf(readOnnxFile(path), file);
  } catch {
    return () => ({ decisive: null, explains: null });
  }
}
