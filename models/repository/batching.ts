/**
 * Decides whether requests of a model may share a run: by what a person said in config.yaml, else by the proof of
 * models/proof/. Runs the model and reads its file, and changes nothing.
 */
import { hypotheses, type InputAxes } from '../proof/axes.ts';
import type { StartBudget } from '../proof/budget.ts';
import { readOnnxFile, type OnnxFile } from '../proof/graph/onnx-file.ts';
import { confirms, prove, type ProofSubject, type Verdict } from '../proof/prove.ts';
import { combined, witnessOf, type Witness } from '../proof/second-witness.ts';
import { verdictKey } from '../verdicts/verdict-key.ts';
import type { VerdictStore } from '../verdicts/verdict-store.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { Tensors } from '../tensor.ts';
import type { ModelConfig } from './model-config.ts';
import type { ServedConfig } from './served-config.ts';
import type { Sample } from './samples.ts';
import { batchability, shapelessInput, unbatched, type Batchability, type FileSignature } from './signature.ts';

export interface Batching extends Batchability {
  /** A row that the model was seen to take; null where none was found. */
  readonly sample: Tensors | null;
  /** Warning about a setting that the proof contradicts; null if there is none. */
  readonly warning: string | null;
  /** The proof; null where none was asked for. */
  readonly proof: Proof | null;
}

export interface Proof {
  readonly verdict: Verdict;
  /** Whether an earlier start had made it. */
  readonly kept: boolean;
  /** Keeps that the model is not to be batched, found out in service; null where nothing is kept. */
  readonly refute: ((reason: string) => void) | null;
}

/** Seed of the random inputs, fixed so that a model is tried in the same way at every start. */
const seed = 1;

export interface ModelToJudge {
  /** Path of the ONNX file. */
  readonly path: string;
  /** Name and version, for people who look into kept verdicts. */
  readonly label: string;
  readonly session: number;
  readonly signature: FileSignature;
  /** Version of ONNX Runtime, with the execution provider. */
  readonly runtime: string;
}

export interface JudgeOptions {
  readonly host: Pick<SessionHost, 'runAtStart'>;
  readonly budget: StartBudget;
  readonly maxRows: number;
  readonly verdicts: VerdictStore;
  /** Requests that people gave. */
  readonly samples: readonly Sample[];
}

/** @throws SignatureError where config.yaml contradicts the file */
export async function decideBatching(
  model: ModelToJudge,
  config: ServedConfig,
  { host, budget, maxRows, verdicts, samples }: JudgeOptions,
): Promise<Batching> {
  const { path, session, signature: file } = model;
  const declared = batchability(file, config);
  const runAlone = (reason: string, proof: Proof | null = null): Batching => ({
    signature: unbatched(file),
    unbatchedReason: reason,
    sample: proof?.verdict.sample ?? null,
    warning: null,
    proof,
  });
  if (config.batching === 'never') return runAlone(config.neverBatched ?? 'config.yaml says batching: never');
  if (maxRows === 1) return runAlone('maxRows is 1');
  const graph = readGraph(path);
  const witness = graph === null ? silent : witnessOf(graph, file);
  if (config.batching === 'always') {
    const { decisive } = witness(declared.signature.inputs);
    const warning = decisive === null ? null : `batching: always is obeyed, and ${decisive}`;
    return { ...declared, sample: null, warning, proof: null };
  }

  const subject = (axes: readonly InputAxes[]): ProofSubject => ({
    ...file,
    hypotheses: axes,
    samples: samples.map(({ inputs }) => inputs),
    run: async (inputs, rows) => {
      const outcome = await host.runAtStart({ session, signature: unbatched(file), undelayed: true }, [inputs], rows);
      return { ...outcome, runMs: outcome.cpuUs / 1000 };
    },
  });
  const key = graph === null || !verdicts.isOpen ? null : await keyOf(model, config, { graph, samples });
  const proofOf = (asked: ProofSubject): Promise<Proof> =>
    keptOrNew(asked, { key, label: model.label, budget, witness, verdicts });
  if (namesAxes(config)) {
    if (declared.unbatchedReason !== null) return { ...declared, sample: null, warning: null, proof: null };
    const axes = new Map(declared.signature.inputs.map(({ name, batchAxis }) => [name, batchAxis]));
    const proof = await proofOf(subject([axes]));
    return { ...declared, sample: proof.verdict.sample, warning: contradiction(proof.verdict), proof };
  }
  const shapeless = shapelessInput(file);
  if (shapeless !== null) return runAlone(shapeless);
  const possible = hypotheses(file.inputs);
  if (possible.length === 0) return runAlone(declared.unbatchedReason ?? 'no input has an axis of varying length');
  const proof = await proofOf(subject(possible));
  const { verdict } = proof;
  if (verdict.kind !== 'independent') return runAlone(verdict.reason, proof);
  return { signature: verdict.signature, unbatchedReason: null, sample: verdict.sample, warning: null, proof };
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

interface ProofOptions {
  /** Key of the verdict; null where none is kept. */
  readonly key: string | null;
  readonly label: string;
  readonly budget: StartBudget;
  readonly witness: Witness;
  readonly verdicts: VerdictStore;
}

/** The verdict of an earlier start where it holds here too, else a new one. */
async function keptOrNew(
  subject: ProofSubject,
  { key, label, budget, witness, verdicts }: ProofOptions,
): Promise<Proof> {
  const refute =
    key === null
      ? null
      : (reason: string) => void verdicts.keep(key, label, { kind: 'dependent', reason, sample: null });
  const found = key === null ? null : await verdicts.find(key, subject);
  if (found !== null) {
    const { verdict, cpu } = found;
    // On another kind of processor kernels differ. To run requests alone is right on any.
    const holds = verdict.kind !== 'independent' || cpu === verdicts.cpu;
    if (holds || (await confirms(verdict, subject, { budget, seed }))) return { verdict, kept: true, refute };
  }
  const verdict = combined(await prove(subject, budget, seed), subject, witness);
  if (key !== null) await verdicts.keep(key, label, verdict);
  return { verdict, kept: false, refute };
}

/** @returns null where a file can't be read any more */
async function keyOf(
  { path, runtime }: ModelToJudge,
  config: ModelConfig,
  { graph: { externalFiles }, samples }: { readonly graph: OnnxFile; readonly samples: readonly Sample[] },
): Promise<string | null> {
  const digests = samples.map(({ digest }) => digest);
  return verdictKey({ file: path, externalFiles, config, samples: digests, runtime }).catch(() => null);
}

const silent: Witness = () => ({ decisive: null, explains: null });

/** @returns null for a file that ONNX Runtime has loaded and that can't be followed here: the trial is the only witness then */
function readGraph(path: string): OnnxFile | null {
  try {
    return readOnnxFile(path);
  } catch {
    return null;
  }
}
