/** `config.yaml` beside a model: what overrides the ONNX file. Every field is optional, and so is the file. */
import Type from 'typebox';
import { Check, Errors, Pointer } from 'typebox/value';
import { parseDocument } from 'yaml';
import { quote } from '../../contract/errors.ts';

const closed = { additionalProperties: false } as const;

const TensorOverrides = Type.Record(
  Type.String(),
  Type.Object({ batchAxis: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])) }, closed),
);

export const ModelConfig = Type.Object(
  {
    /** Most rows of one run. */
    maxRows: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Most rows of one request. */
    maxRequestRows: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Threads of ONNX Runtime within one operator. */
    threads: Type.Optional(Type.Integer({ minimum: 1, maximum: 256 })),
    /** Whether requests share runs: where it is proven that they may, always, or never. */
    batching: Type.Optional(Type.Enum(['proven', 'always', 'never'], { default: 'proven' })),
    /** What warm-up and proof may take together before the model is ready. */
    start: Type.Optional(
      Type.Object(
        {
          /** Processor time in milliseconds; 8 runs of one row where that is more. */
          cpuMs: Type.Optional(Type.Number({ minimum: 0, default: 1_000 })),
          /** Growth of the process's memory. */
          memoryMiB: Type.Optional(Type.Number({ minimum: 1, default: 256 })),
        },
        closed,
      ),
    ),
    /** false skips the runs before ready. */
    warmup: Type.Optional(Type.Boolean()),
    /** Answers requests that name no version; the highest number without it. */
    defaultVersion: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: '^[0-9]+$' })])),
    /** Makes each run take at least this long, asleep: a model of a slower model, for tests and benchmarks. */
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

/** All errors at once, each naming the path and the value. */
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
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    throw new ModelConfigError(document.errors.map((error) => error.message.split('\n')[0] ?? error.message));
  }
  const value: unknown = document.toJS() ?? {};
  if (Check(ModelConfig, value)) return value;
  const errors = new Map<string, string>();
  for (const error of Errors(ModelConfig, value)) {
    const where = error.instancePath || '/';
    if (error.keyword === 'boolean') continue;
    if (error.keyword === 'additionalProperties') {
      for (const name of error.params.additionalProperties) {
        errors.set(`${error.instancePath}/${name}`, `${error.instancePath}/${name}: is not a field of config.yaml`);
      }
    } else if (!errors.has(where)) {
      // A union reports each of its branches; the first says enough.
      errors.set(where, `${where}: ${error.message}, was: ${quote(Pointer.Get(value, error.instancePath))}`);
    }
  }
  throw new ModelConfigError([...errors.values()]);
}
