/** Schema of `config.yaml`, which may lie beside a model to override its ONNX file. Every field is optional. */
import Type from 'typebox';
import { Check } from 'typebox/value';
import { mistakesOf } from '../../contract/schema-mistakes.ts';
import { parseYaml } from '../../runtime/yaml-file.ts';

const closed = { additionalProperties: false } as const;

const digits = '^[0-9]+$';
const VersionNumber = Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: digits })]);
/** Names of files that ONNX Runtime loads: it tells the two formats by the ending. */
export const modelFilePattern = '^[^/\\\\]+\\.(onnx|ort)$';

const TensorOverrides = Type.Record(
  Type.String(),
  Type.Object({ batchAxis: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])) }, closed),
);

/** Keys of ONNX Runtime's session configuration; it takes any, and leaves those that it does not know without effect. */
export const sessionKeyPattern = '^(session|optimization|ep|mlas)\\.';

const wording = {
  whole: 'config.yaml',
  patterns: {
    [digits]: 'a version number',
    [modelFilePattern]: 'the name of a file that ends in .onnx or .ort',
  },
};

/** Name of an execution provider, or the name with its options. */
const ExecutionProvider = Type.Union([
  Type.String({ minLength: 1 }),
  Type.Object(
    { name: Type.String({ minLength: 1 }) },
    { additionalProperties: Type.Union([Type.String(), Type.Number(), Type.Boolean()]) },
  ),
]);

/** Settings of ONNX Runtime for one model. */
export const RuntimeSettings = Type.Object(
  {
    /** Threads that run branches of the graph side by side, with `executionMode: parallel`. */
    interOpThreads: Type.Optional(Type.Integer({ minimum: 1, maximum: 256, default: 1 })),
    executionMode: Type.Optional(Type.Enum(['sequential', 'parallel'], { default: 'sequential' })),
    graphOptimization: Type.Optional(Type.Enum(['disabled', 'basic', 'extended', 'layout', 'all'], { default: 'all' })),
    /** Keeps memory that runs have allocated for those that follow. */
    memoryArena: Type.Optional(Type.Boolean({ default: true })),
    /** Allocates the memory of a run at once where shapes were seen before. */
    memoryPattern: Type.Optional(Type.Boolean({ default: true })),
    /** Entries of ONNX Runtime's session configuration, such as `session.intra_op.allow_spinning`. */
    sessionConfig: Type.Optional(Type.Record(Type.String({ pattern: sessionKeyPattern }), Type.String(), closed)),
    /** Execution providers, the preferred one first. */
    executionProviders: Type.Optional(Type.Array(ExecutionProvider, { minItems: 1, default: ['cpu'] })),
    /** Lengths of axes that vary in the file, by their names there. */
    freeDimensions: Type.Optional(Type.Record(Type.String(), Type.Integer({ minimum: 1 }))),
    /** Folder into which the optimised graph is written at each load, as `<version>.onnx` or `.ort`. */
    optimizedModelFolder: Type.Optional(Type.String({ minLength: 1 })),
  },
  closed,
);
export type RuntimeSettings = Type.Static<typeof RuntimeSettings>;

export const ModelConfig = Type.Object(
  {
    /** Model file within each version folder. */
    modelFile: Type.Optional(Type.String({ pattern: modelFilePattern })),
    /** Largest run, in rows. */
    maxRows: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Largest request, in rows. */
    maxRequestRows: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Threads of ONNX Runtime for one operator. */
    threads: Type.Optional(Type.Integer({ minimum: 1, maximum: 256 })),
    /** Sharing of runs by requests: where it is proven to be safe, always, or never. */
    batching: Type.Optional(Type.Enum(['proven', 'always', 'never'], { default: 'proven' })),
    /** Limits of warm-up and proof together, which run before the model is ready. */
    start: Type.Optional(
      Type.Object(
        {
          /** Processor time in milliseconds. A slow model gets 8 runs of one row even if they take longer. */
          cpuMs: Type.Optional(Type.Number({ minimum: 0, default: 1_000 })),
          /** Growth of the process's memory in MiB. */
          memoryMiB: Type.Optional(Type.Number({ minimum: 1, default: 256 })),
        },
        closed,
      ),
    ),
    /** Process that runs transform.ts, and its limits. */
    transform: Type.Optional(
      Type.Object(
        {
          /** Longest time in milliseconds that converting a request may take, each way. */
          timeoutMs: Type.Optional(Type.Integer({ minimum: 1, default: 2_000 })),
          /** Memory in MiB. */
          memoryMiB: Type.Optional(Type.Integer({ minimum: 64, default: 512 })),
          /** Runs it in the pod's own process, which costs less and protects the pod from nothing. */
          inPod: Type.Optional(Type.Boolean({ default: false })),
        },
        closed,
      ),
    ),
    /** Disable to become ready without warm-up runs. */
    warmup: Type.Optional(Type.Boolean()),
    /** Version for requests that name none; by default the highest number. */
    defaultVersion: Type.Optional(VersionNumber),
    /** Versions of the folder that are loaded: all, the highest so many, or those that are named. */
    versionPolicy: Type.Optional(
      Type.Union(
        [
          Type.Literal('all'),
          Type.Object({ latest: Type.Integer({ minimum: 1 }) }, closed),
          Type.Object({ specific: Type.Array(VersionNumber, { minItems: 1 }) }, closed),
        ],
        { default: 'all' },
      ),
    ),
    /** Settings of ONNX Runtime. */
    runtime: Type.Optional(RuntimeSettings),
    /** Simulated latency in milliseconds, for tests and benchmarks. */
    delay: Type.Optional(
      Type.Object(
        {
          runMs: Type.Optional(Type.Number({ minimum: 0 })),
          rowMs: Type.Optional(Type.Number({ minimum: 0 })),
        },
        closed,
      ),
    ),
    inputs: Type.Optional(TensorOverrides),
    outputs: Type.Optional(TensorOverrides),
  },
  closed,
);
export type ModelConfig = Type.Static<typeof ModelConfig>;

/** Every error of a config.yaml at once, each with its line, path and value. */
export class ModelConfigError extends Error {
  override readonly name = 'ModelConfigError';

  constructor(errors: readonly string[]) {
    super(`config.yaml: ${errors.join('; ')}`);
  }
}

/**
 * @param text the file's content; null where there is none
 * @throws ModelConfigError
 */
export function parseModelConfig(text: string | null): ModelConfig {
  if (text === null) return {};
  const [document] = parseYaml(text);
  if (document === undefined) return {};
  const { mistakes, lineOf } = document;
  if (mistakes.length > 0) throw new ModelConfigError(mistakes.map(({ line, text }) => `line ${line}: ${text}`));
  const value = document.value ?? {};
  if (Check(ModelConfig, value)) return value;
  const errors = mistakesOf(ModelConfig, value, wording);
  throw new ModelConfigError(errors.map((error) => `line ${lineOf(error.slice(0, error.indexOf(': ')))}: ${error}`));
}
