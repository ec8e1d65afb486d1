/**
 * The thread that runs ONNX Runtime, since a run blocks its thread; no other file of the product imports onnxruntime-node.
 *
 * Requests are run one at a time, whichever worker holds the session: a pod has one core for compute (one intra-op thread by
 * default), so runs in parallel would only slow each other down, and one at a time makes their durations meaningful. Several
 * workers serve a quicker start. The main thread never ends this thread during a run, which would abort the process.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { parentPort } from 'node:worker_threads';
import { env, InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import type { Datatype } from '../../contract/datatypes.ts';
import { typedArrays } from '../../contract/tensor-data.ts';
import type { FileTensor } from '../repository/signature.ts';
import { withFixedDimensions } from './fixed-dimensions.ts';
import { mapsAsTensors, type Rewritten } from './map-outputs.ts';
import { missingProvider, providerNames, providerProblem, sessionOptions } from './session-options.ts';
import { namesWithoutShape } from './missing-shapes.ts';
import type { FromWorker, LoadOptions, RunTime, ToWorker, WireInput, WireOutput } from './session-protocol.ts';

// Without the global Float16Array, FP16 travels as its bits in a Uint16Array. Where the global exists, onnxruntime-common
// insists on such arrays, and the native binding takes them for empty: Node-API doesn't know them. The library looks for
// the global at its first Tensor.
delete (globalThis as { Float16Array?: unknown }).Float16Array;

const datatypes: Readonly<Record<string, Datatype>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};
const elementTypes = Object.fromEntries(Object.entries(datatypes).map(([type, datatype]) => [datatype, type]));

/** Typed arrays as ONNX Runtime takes them. */
const arrays = { ...typedArrays, FP16: Uint16Array };

interface Loaded {
  readonly session: InferenceSession;
  readonly outputs: readonly string[];
  readonly datatypes: ReadonlyMap<string, Datatype>;
  readonly options: LoadOptions;
}

const port = parentPort!;
const sessions: (Loaded | null)[] = [];
/** End of the last run, after which its session may be released. */
let lastRun: Promise<void> = Promise.resolve();
let memory = new SharedArrayBuffer(0);
/**
 * Whether inputs are copied out of the shared memory, found out at the first run: Node-API takes no view of it in older releases of Node 22
 * and 24, such as 22.19 and 24.0, and the native binding says no more than this.
 */
let copiesInputs = false;
const refusedMemory = 'Invalid argument';
const asleep = new Int32Array(new SharedArrayBuffer(4));

async function load(file: string, options: LoadOptions): Promise<Omit<FromWorker & { kind: 'loaded' }, 'sequence'>> {
  const tensors = mapsAsTensors(file);
  const session = await createSession({ file, tensors }, options);
  const shapeless = valuesWithoutShape(file, session);
  const inputs = session.inputMetadata.map((metadata) => specOf('input', metadata, shapeless));
  const leftOut = session.outputMetadata.filter(({ isTensor }) => !isTensor).map(({ name }) => name);
  const outputs = session.outputMetadata
    .filter(({ isTensor }) => isTensor)
    .map((metadata) => {
      const labels = tensors?.labels.get(metadata.name);
      const spec = specOf('output', metadata, shapeless);
      return labels === undefined ? spec : { ...spec, labels };
    });
  if (outputs.length === 0) throw new Error('no output is a tensor');
  sessions.push({
    session,
    outputs: outputs.map(({ name }) => name),
    datatypes: new Map(outputs.map(({ name, datatype }) => [name, datatype])),
    options,
  });
  const runtime = `${env.versions.node ?? 'unknown'} ${providerNames(options).join(' ')}`;
  return { kind: 'loaded', session: sessions.length - 1, signature: { inputs, outputs }, leftOut, runtime };
}

/** Values without a declared shape. The binding reports them as scalars, so the file is read where it reports one. */
function valuesWithoutShape(file: string, { inputMetadata, outputMetadata }: InferenceSession): ReadonlySet<string> {
  const isDoubtful = [...inputMetadata, ...outputMetadata].some((one) => one.isTensor && one.shape.length === 0);
  return isDoubtful ? namesWithoutShape(file) : new Set();
}

interface Source {
  readonly file: string;
  /** The file with tensors for its maps; null for one without. */
  readonly tensors: Rewritten | null;
}

async function createSession(source: Source, options: LoadOptions): Promise<InferenceSession> {
  const missing = missingProvider(options, listSupportedBackends());
  if (missing !== null) throw new Error(missing);
  const { optimizedModel, runtime } = options;
  if (optimizedModel === undefined) return createFrom(source, options, null);
  const ending = runtime?.sessionConfig?.['session.save_model_format'] === 'ORT' ? 'ort' : 'onnx';
  // Pods may write at the same time, and no reader may find half a file.
  const unfinished = `${optimizedModel}.${randomUUID()}.${ending}`;
  try {
    await mkdir(path.dirname(optimizedModel), { recursive: true });
    const session = await createFrom(source, options, unfinished);
    await rename(unfinished, `${optimizedModel}.${ending}`);
    return session;
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const where = `config.yaml: /runtime/optimizedModelFolder: ${path.dirname(optimizedModel)} can't be written`;
    throw new Error(`${where} (${code})`, { cause: error });
  }
}

async function createFrom(
  source: Source,
  options: LoadOptions,
  optimizedModel: string | null,
): Promise<InferenceSession> {
  const bytes = rewritten(source, options);
  // Bytes have no folder, and weights beside the file are looked for there.
  const weightsFolder = bytes === null ? null : path.dirname(source.file);
  const settings = sessionOptions(options, { optimizedModel, weightsFolder }) as InferenceSession.SessionOptions;
  try {
    if (bytes !== null) return await InferenceSession.create(bytes, settings);
    return await InferenceSession.create(source.file, settings);
  } catch (error) {
    const [, locale] = /Failed to construct locale with name:([^:\s]+):/.exec(messageOf(error)) ?? [];
    if (locale !== undefined) throw new Error(missingLocale(locale), { cause: error });
    // ONNX Runtime has words of its own for what keeps a provider from being loaded.
    if (providerNames(options).every((name) => name === 'cpu')) throw error;
    throw new Error(providerProblem(messageOf(error).trim(), listSupportedBackends()), { cause: error });
  }
}

/** @returns the file as ONNX Runtime is to load it; null where that is as it lies there */
function rewritten({ file, tensors }: Source, { runtime }: LoadOptions): Uint8Array | null {
  const lengths = runtime?.freeDimensions;
  const bytes = tensors?.bytes ?? null;
  return lengths === undefined ? bytes : withFixedDimensions(bytes ?? readFileSync(file), lengths);
}

/** Text pipelines of scikit-learn name the locale by which their words are put into lower case. */
function missingLocale(name: string): string {
  const [language, encoding = 'UTF-8'] = name.split('.');
  const install = `apt-get install locales && localedef -i ${language} -f ${encoding} ${name}`;
  return `the model needs the locale ${name}, which this machine lacks; on Debian and Ubuntu: ${install}`;
}

function specOf(role: string, metadata: InferenceSession.ValueMetadata, shapeless: ReadonlySet<string>): FileTensor {
  if (!metadata.isTensor) throw new Error(`${role} '${metadata.name}' is not a tensor`);
  const datatype = datatypes[metadata.type];
  if (datatype === undefined) throw new Error(`${role} '${metadata.name}' has unsupported type ${metadata.type}`);
  return {
    name: metadata.name,
    datatype,
    shape: metadata.shape.map((length) => (typeof length === 'number' ? length : -1)),
    ...(shapeless.has(metadata.name) && { anyShape: true }),
    axisNames: metadata.shape.map((length) => (typeof length === 'string' && length !== '' ? length : null)),
  };
}

async function run(loaded: Loaded, { rows, inputs, undelayed }: ToWorker & { kind: 'run' }): Promise<void> {
  const startedMs = performance.now();
  const cpuBefore = process.threadCpuUsage();
  const time = (): RunTime => {
    const { user, system } = process.threadCpuUsage(cpuBefore);
    return { runUs: (performance.now() - startedMs) * 1000, cpuUs: user + system };
  };
  try {
    const results = await loaded.session.run(feedsOf(inputs), loaded.outputs).catch((error: unknown) => {
      if (copiesInputs || messageOf(error) !== refusedMemory) throw error;
      copiesInputs = true;
      return loaded.session.run(feedsOf(inputs), loaded.outputs);
    });
    const outputs: WireOutput[] = [];
    const transfer: ArrayBuffer[] = [];
    for (const name of loaded.outputs) {
      const tensor = results[name]!;
      const datatype = loaded.datatypes.get(name)!;
      const { data, ends } = packed(tensor.data);
      const output = { name, datatype, shape: tensor.dims, data };
      outputs.push(ends === undefined ? output : { ...output, ends });
      // A buffer is transferred once: empty arrays may share a static one, and an identity may give it to two outputs.
      if (data.byteLength > 0 && !transfer.includes(data.buffer as ArrayBuffer)) {
        transfer.push(data.buffer as ArrayBuffer);
      }
    }
    if (undelayed !== true) sleep(loaded.options.delayRunMs + loaded.options.delayRowMs * rows);
    port.postMessage({ kind: 'ran', outputs, ...time() } satisfies FromWorker, transfer);
  } catch (error) {
    port.postMessage({ kind: 'run-failed', message: messageOf(error), ...time() } satisfies FromWorker);
  }
}

function feedsOf(inputs: readonly WireInput[]): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const input of inputs) {
    feeds[input.name] = new Tensor(elementTypes[input.datatype] as 'float32', dataOf(input), input.shape);
  }
  return feeds;
}

/** Strings of an output as bytes, since making bytes of them would hold the event loop up; numbers as they are. */
function packed(data: ArrayBufferView | readonly string[]): { data: ArrayBufferView; ends?: Uint32Array } {
  if (ArrayBuffer.isView(data)) return { data };
  const ends = new Uint32Array(data.length);
  let total = 0;
  for (let index = 0; index < data.length; index += 1) ends[index] = total += Buffer.byteLength(data[index]!);
  const bytes = Buffer.allocUnsafeSlow(total);
  let position = 0;
  for (const text of data) position += bytes.write(text, position);
  return { data: bytes, ends };
}

/** The elements of an input. Its type stands for any datatype, since the Tensor constructor has an overload for each. */
function dataOf({ datatype, offset, byteLength, ends }: WireInput): Float32Array {
  if (ends !== undefined) return stringsOf(Buffer.from(memory as unknown as ArrayBuffer, offset, byteLength), ends);
  const array = arrays[datatype as keyof typeof arrays] as Float32ArrayConstructor;
  const shared = new array(memory as unknown as ArrayBuffer, offset, byteLength / array.BYTES_PER_ELEMENT);
  return copiesInputs ? new array(shared) : shared;
}

function stringsOf(bytes: Buffer, ends: Uint32Array): Float32Array {
  const strings = Array.from(ends, (end, index) => bytes.toString('utf8', index === 0 ? 0 : ends[index - 1], end));
  return strings as unknown as Float32Array;
}

function sleep(ms: number): void {
  if (ms > 0) Atomics.wait(asleep, 0, 0, ms);
}

/** Takes a session out of the list, so that it is released once: the thread may be closed while a release is on its way. */
function takeOut(place: number): InferenceSession | null {
  const session = sessions[place]?.session ?? null;
  sessions[place] = null;
  return session;
}

/** The words of an error in one line: they stand in tables, log lines and answers. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.trim().replace(/\s*[\r\n]+\s*/g, ' ');
}

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'load': {
      const { sequence } = message;
      load(message.file, message.options).then(
        (loaded) => port.postMessage({ ...loaded, sequence } satisfies FromWorker),
        (error: unknown) =>
          port.postMessage({ kind: 'load-failed', sequence, message: messageOf(error) } satisfies FromWorker),
      );
      return;
    }
    case 'release': {
      const session = takeOut(message.session);
      void lastRun.then(() => session?.release());
      return;
    }
    case 'memory':
      ({ memory } = message);
      return;
    case 'run':
      lastRun = run(sessions[message.session]!, message);
      return;
    case 'close':
      // The thread ends by itself once its sessions are released and its port is closed.
      void lastRun
        .then(() => Promise.allSettled(sessions.map(async (_, place) => takeOut(place)?.release())))
        .then(() => port.close());
  }
});
