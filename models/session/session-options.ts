/** Options of ONNX Runtime for a session, made of a model's settings. Pure; the names are those of onnxruntime-node. */
import type { LoadOptions } from './session-protocol.ts';

export interface SessionOptions {
  readonly intraOpNumThreads: number;
  readonly interOpNumThreads: number;
  readonly executionMode: 'sequential' | 'parallel';
  readonly graphOptimizationLevel: 'disabled' | 'basic' | 'extended' | 'layout' | 'all';
  readonly enableCpuMemArena: boolean;
  readonly enableMemPattern: boolean;
  readonly logSeverityLevel: 4;
  readonly extra: Readonly<Record<string, string>>;
  readonly executionProviders?: readonly (string | Readonly<Record<string, unknown>>)[];
  readonly optimizedModelFilePath?: string;
}

/** Entries of the session configuration that a model has if it names no others. */
const sessionConfig: Readonly<Record<string, string>> = {
  // Spinning would take the core away from the thread that parses and serialises.
  'session.intra_op.allow_spinning': '0',
  'session.inter_op.allow_spinning': '0',
};

interface Places {
  /** File that the optimised graph is written to; null for none. */
  readonly optimizedModel: string | null;
  /** Folder of the files with further weights; null where that is the folder of the model file. */
  readonly weightsFolder: string | null;
}

export function sessionOptions(
  { threads, runtime = {} }: LoadOptions,
  { optimizedModel, weightsFolder }: Places,
): SessionOptions {
  const providers = runtime.executionProviders;
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: runtime.interOpThreads ?? 1,
    executionMode: runtime.executionMode ?? 'sequential',
    graphOptimizationLevel: runtime.graphOptimization ?? 'all',
    enableCpuMemArena: runtime.memoryArena ?? true,
    enableMemPattern: runtime.memoryPattern ?? true,
    // ONNX Runtime's own lines on stderr would only repeat errors, which the log has with model and request.
    logSeverityLevel: 4,
    extra: {
      ...sessionConfig,
      ...(weightsFolder !== null && { 'session.model_external_initializers_file_folder_path': weightsFolder }),
      ...runtime.sessionConfig,
    },
    ...(providers !== undefined && { executionProviders: providers }),
    ...(optimizedModel !== null && { optimizedModelFilePath: optimizedModel }),
  };
}

interface Backend {
  readonly name: string;
  /** Whether it needs no files beyond the package. */
  readonly bundled: boolean;
}

/** Names of the execution providers of a session, the preferred one first. */
export function providerNames({ runtime }: LoadOptions): readonly string[] {
  const given = runtime?.executionProviders ?? ['cpu'];
  return given.map((provider) => (typeof provider === 'string' ? provider : provider.name));
}

/**
 * @returns why a session can't have an execution provider that its settings name; null if this build has all of them. ONNX Runtime
 * itself would leave unknown ones out without a word.
 */
export function missingProvider(options: LoadOptions, backends: readonly Backend[]): string | null {
  const missing = providerNames(options).find((name) => !backends.some((backend) => backend.name === name));
  return missing === undefined ? null : providerProblem(`'${missing}' is not in this build of ONNX Runtime`, backends);
}

/** Explains that a session can't be created with the execution providers that were asked for. */
export function providerProblem(problem: string, backends: readonly Backend[]): string {
  const names = (bundled: boolean) => backends.filter((each) => each.bundled === bundled).map(({ name }) => name);
  const more = names(false);
  const further = more.length === 0 ? '' : `, and with further libraries ${more.join(', ')}`;
  return `config.yaml: /runtime/executionProviders: ${problem}; it has ${names(true).join(', ')}${further}`;
}
