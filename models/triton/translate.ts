/**
 * Says what the fields of a `config.pbtxt` mean for a model here: settings that `config.yaml` may override, the tensors as clients send
 * and get them, and what is not obeyed. Pure functions; whether the ONNX file agrees is judged in client-tensors.ts.
 */
import type { Datatype } from '../../contract/datatypes.ts';
import type { ModelConfig, RuntimeSettings } from '../repository/model-config.ts';
import { modelFilePattern, sessionKeyPattern } from '../repository/model-config.ts';
import type { ConfigPbtxt, PbtxtInput, PbtxtOutput, PbtxtWarmup } from './config-pbtxt.ts';
import { unobeyedValues } from './unobeyed-values.ts';
import type { Placed, Unobeyed } from './message.ts';
import { TextFormatError, type Place } from './text-tokens.ts';

/** A tensor as a client sends or gets it, without the batch axis. */
export interface ClientTensor {
  readonly name: string;
  readonly datatype: Datatype | null;
  /** Lengths by axis, -1 for any; null where the file says nothing of them. */
  readonly dims: readonly number[] | null;
  /** Shape that the model has for it; null where that is `dims`. */
  readonly reshape: readonly number[] | null;
  /** File with the names of its classes, in the folder of the model. */
  readonly labelFile: string | null;
  readonly optional: boolean;
  readonly at: Place;
}

export interface WarmupTensor {
  readonly datatype: Datatype;
  readonly dims: readonly number[];
  readonly content: { readonly kind: 'zeros' | 'random' } | { readonly kind: 'file'; readonly file: string };
}

/** A request that the model is to be warmed up with. */
export interface WarmupRequest {
  readonly rows: number;
  readonly inputs: ReadonlyMap<string, WarmupTensor>;
  readonly at: Place;
}

export interface TritonConfig {
  readonly settings: ModelConfig;
  /** Reason why requests never share a run, by what the file says; null where the proof decides. */
  readonly neverBatched: string | null;
  /** Reason why requests can't share a run whatever anyone says; null without one. */
  readonly unbatchable: string | null;
  /** Value of max_batch_size; null where there is none. */
  readonly maxBatchSize: number | null;
  /** Whether shapes of requests have a batch axis before `dims`. */
  readonly hasBatchAxis: boolean;
  readonly inputs: readonly ClientTensor[];
  readonly outputs: readonly ClientTensor[];
  readonly warmup: readonly WarmupRequest[];
  readonly unobeyed: readonly Unobeyed[];
}

/**
 * @param folder name of the model's folder
 * @throws TextFormatError for what can't be served
 */
export function translate(config: ConfigPbtxt, found: readonly Unobeyed[], folder: string): TritonConfig {
  checkServed(config, folder);
  const unobeyed = [...found, ...unobeyedValues(config)];
  const rows = config.max_batch_size?.value ?? null;
  const runtime = runtimeOf(config, unobeyed);
  const settings: { -readonly [K in keyof ModelConfig]: ModelConfig[K] } = {
    versionPolicy: versionPolicyOf(config),
    ...rowLimits(config),
  };
  const { threads, ...others } = runtime;
  if (threads !== undefined) settings.threads = threads;
  if (Object.keys(others).length > 0) settings.runtime = others;
  if (rows === 0) settings.batching = 'never';
  const file = config.default_model_filename;
  if (file !== null && file.value !== '') {
    if (!new RegExp(modelFilePattern).test(file.value)) {
      const wanted = 'must be a name that ends in .onnx or .ort';
      throw new TextFormatError(`default_model_filename: ${wanted}, was: ${JSON.stringify(file.value)}`, file.at);
    }
    settings.modelFile = file.value;
  }
  const hasBatchAxis = rows !== null && rows > 0;
  const reshaped = [...config.input, ...config.output].find(({ value }) => value.reshape !== null);
  return {
    settings,
    neverBatched: rows === 0 ? 'config.pbtxt says max_batch_size: 0' : null,
    // A request has no axis of rows then, whatever axes the file has.
    unbatchable:
      hasBatchAxis || reshaped === undefined
        ? null
        : `config.pbtxt reshapes '${reshaped.value.name?.value ?? ''}' and has no max_batch_size from 1`,
    maxBatchSize: rows,
    hasBatchAxis,
    inputs: config.input.map(({ value, at }) => clientTensor(value, at)),
    outputs: config.output.map(({ value, at }) => clientTensor(value, at)),
    warmup: config.model_warmup.map(({ value, at }) => warmupRequest(value, at)),
    unobeyed: unobeyed.sort((a, b) => a.line - b.line),
  };
}

function checkServed(config: ConfigPbtxt, folder: string): void {
  const { name, platform, backend } = config;
  if (name !== null && name.value !== '' && name.value.normalize('NFC') !== folder) {
    throw new TextFormatError(
      `name: is not the name of the folder '${folder}', was: ${JSON.stringify(name.value)}`,
      name.at,
    );
  }
  const served: readonly (readonly [string, Placed<string> | null, string])[] = [
    ['platform', platform, 'onnxruntime_onnx'],
    ['backend', backend, 'onnxruntime'],
  ];
  for (const [field, given, only] of served) {
    if (given === null || given.value === '' || given.value === only) continue;
    throw new TextFormatError(`${field}: only "${only}" is served, was: ${JSON.stringify(given.value)}`, given.at);
  }
  const library = config.model_operations?.value.op_library_filename[0];
  if (library !== undefined) {
    const why = "libraries of custom operators can't be loaded: ONNX Runtime's binding for Node.js has no call for it";
    throw new TextFormatError(`model_operations.op_library_filename: ${why}`, library.at);
  }
  const decoupled = config.model_transaction_policy?.value.decoupled;
  if (decoupled?.value === true) {
    throw new TextFormatError('model_transaction_policy.decoupled: a request has one answer here', decoupled.at);
  }
}

/** Without a policy Triton serves the latest version only. */
function versionPolicyOf({ version_policy: given }: ConfigPbtxt): NonNullable<ModelConfig['versionPolicy']> {
  if (given === null) return { latest: 1 };
  const { latest, all, specific } = given.value;
  if ([latest, all, specific].filter((choice) => choice !== null).length > 1) {
    throw new TextFormatError('version_policy: takes one of latest, all and specific', given.at);
  }
  if (all !== null) return 'all';
  if (specific === null) return { latest: Math.max(1, latest?.value.num_versions?.value ?? 1) };
  const versions = specific.value.versions.map(({ value }) => value);
  if (versions.length === 0) throw new TextFormatError('version_policy.specific: names no version', specific.at);
  return { specific: versions };
}

function rowLimits({ max_batch_size: given, dynamic_batching: batching }: ConfigPbtxt): ModelConfig {
  const most = given?.value ?? Infinity;
  const preferred = batching?.value.preferred_batch_size ?? [];
  const tooLarge = preferred.find(({ value }) => value > most);
  if (tooLarge !== undefined && most > 0) {
    const problem = `is more than max_batch_size, ${most}, was: ${tooLarge.value}`;
    throw new TextFormatError(`dynamic_batching.preferred_batch_size: ${problem}`, tooLarge.at);
  }
  if (most === 0) return {};
  const largest = Math.max(...preferred.map(({ value }) => value));
  const rows = preferred.length === 0 ? most : Math.min(most, largest);
  return {
    ...(Number.isFinite(rows) && { maxRows: rows }),
    ...(Number.isFinite(most) && { maxRequestRows: most }),
  };
}

const sessionKey = new RegExp(sessionKeyPattern);
const levels = new Map<number, RuntimeSettings['graphOptimization']>([
  [-1, 'basic'],
  [1, 'extended'],
  [2, 'disabled'],
]);

type ModelRuntime = { -readonly [K in keyof RuntimeSettings]: RuntimeSettings[K] } & { threads?: number };

/** Settings of ONNX Runtime, by the names that Triton's backend has for them. */
function runtimeOf(config: ConfigPbtxt, unobeyed: Unobeyed[]): ModelRuntime {
  const runtime: ModelRuntime = {};
  const level = levels.get(config.optimization?.value.graph?.value.level?.value ?? 0);
  if (level !== undefined) runtime.graphOptimization = level;
  const sessionConfig: Record<string, string> = {};
  for (const [key, { value: parameter, at }] of config.parameters) {
    const value = parameter.string_value?.value ?? '';
    const among = (allowed: readonly string[]): string => {
      if (allowed.includes(value)) return value;
      const problem = `must be ${allowed.map((each) => `"${each}"`).join(' or ')}, was: ${JSON.stringify(value)}`;
      throw new TextFormatError(`parameters.${key}: ${problem}`, at);
    };
    const threads = (): number | undefined => {
      if (!/^[0-9]{1,3}$/.test(value) || Number(value) > 256) {
        throw new TextFormatError(`parameters.${key}: must be "0" to "256", was: ${JSON.stringify(value)}`, at);
      }
      if (Number(value) > 0) return Number(value);
      const why = 'a 0 would take all cores, which pods share: a number from 1 is obeyed';
      unobeyed.push({ field: `parameters.${key}`, line: at.line, why });
      return undefined;
    };
    if (key === 'intra_op_thread_count') {
      const given = threads();
      if (given !== undefined) runtime.threads = given;
    } else if (key === 'inter_op_thread_count') {
      const given = threads();
      if (given !== undefined) runtime.interOpThreads = given;
    } else if (key === 'execution_mode') {
      runtime.executionMode = among(['0', '1']) === '1' ? 'parallel' : 'sequential';
    } else if (key === 'enable_mem_arena') runtime.memoryArena = among(['0', '1']) === '1';
    else if (key === 'enable_mem_pattern') runtime.memoryPattern = among(['0', '1']) === '1';
    else if (sessionKey.test(key)) sessionConfig[key] = value;
    else unobeyed.push({ field: `parameters.${key}`, line: at.line, why: 'ONNX Runtime has no such setting here' });
  }
  if (Object.keys(sessionConfig).length > 0) runtime.sessionConfig = sessionConfig;
  return runtime;
}

function clientTensor(tensor: PbtxtInput | PbtxtOutput, at: Place): ClientTensor {
  const name = tensor.name?.value ?? '';
  const [role] = 'optional' in tensor ? ['input'] : ['output'];
  if (name === '') throw new TextFormatError(`${role}: has no name`, at);
  const dims = tensor.dims.map(({ value }) => value);
  const reshape = tensor.reshape?.value.shape.map(({ value }) => value) ?? null;
  const zero = tensor.dims.find(({ value }) => value === 0);
  if (zero !== undefined) throw new TextFormatError(`${role} '${name}': dims must be -1 or from 1, was: 0`, zero.at);
  if (reshape !== null) checkReshape(`${role} '${name}'`, { dims, reshape, at: tensor.reshape!.at });
  return {
    name,
    datatype: tensor.data_type?.value ?? null,
    dims: tensor.dims.length === 0 && reshape === null ? null : dims,
    reshape,
    labelFile: 'label_filename' in tensor ? (tensor.label_filename?.value ?? null) : null,
    optional: 'optional' in tensor && tensor.optional?.value === true,
    at,
  };
}

/** A reshape keeps the number of elements, and has at most one length to find out. */
function checkReshape(
  where: string,
  { dims, reshape, at }: { readonly dims: readonly number[]; readonly reshape: readonly number[]; readonly at: Place },
): void {
  const product = (shape: readonly number[]) => shape.filter((length) => length !== -1).reduce((a, b) => a * b, 1);
  const free = (shape: readonly number[]) => shape.filter((length) => length === -1).length;
  const fits =
    free(dims) === free(reshape) && (free(reshape) === 0 ? product(dims) === product(reshape) : free(reshape) === 1);
  if (fits) return;
  const text = (shape: readonly number[]) => `[${shape.join(', ')}]`;
  throw new TextFormatError(`${where}: reshape ${text(reshape)} does not hold the elements of dims ${text(dims)}`, at);
}

function warmupRequest(warmup: PbtxtWarmup, at: Place): WarmupRequest {
  const inputs = new Map<string, WarmupTensor>();
  for (const [name, { value: input, at: place }] of warmup.inputs) {
    const where = `model_warmup input '${name}'`;
    if (input.data_type === null) throw new TextFormatError(`${where}: has no data_type`, place);
    const file = input.input_data_file?.value;
    inputs.set(name, {
      datatype: input.data_type.value,
      dims: input.dims.map(({ value }) => value),
      content:
        file === undefined ? { kind: input.random_data?.value === true ? 'random' : 'zeros' } : { kind: 'file', file },
    });
  }
  return { rows: warmup.batch_size?.value ?? 0, inputs, at };
}
