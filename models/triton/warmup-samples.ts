/**
 * Makes requests of the `model_warmup` of a `config.pbtxt`: zeros, and bytes of files in the folder `warmup`. Random data makes none,
 * since the trial of every model draws its own. Reads files, and changes nothing.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { allocate, elementCount } from '../../contract/tensor-data.ts';
import { readTensor } from '../protocol/tensor-bytes.ts';
import type { Sample } from '../repository/samples.ts';
import type { FileSignature } from '../repository/signature.ts';
import { hashElements, stack } from '../rows.ts';
import type { Tensor, Tensors } from '../tensor.ts';
import type { ClientTensors } from './client-tensors.ts';
import { TextFormatError, type Place } from './text-tokens.ts';
import type { TritonConfig, WarmupTensor } from './translate.ts';

/** Rows of one request beyond which a sample would only cost time. */
const mostRows = 64;

/** @throws TextFormatError where a request does not fit the model */
export async function warmupSamples(
  { warmup, hasBatchAxis }: TritonConfig,
  {
    directory,
    file,
    client,
  }: { readonly directory: string; readonly file: FileSignature; readonly client: ClientTensors | null },
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (const { rows, inputs, at } of warmup) {
    if ([...inputs.values()].some(({ content }) => content.kind === 'random')) continue;
    const read = new Map<string, Tensor>();
    for (const [name, tensor] of inputs) {
      const declared = file.inputs.find((input) => input.name === name);
      if (declared === undefined) throw new TextFormatError(`model_warmup: the ONNX file has no input '${name}'`, at);
      if (declared.datatype !== tensor.datatype) {
        const types = `data_type is ${tensor.datatype}, and ${declared.datatype} in the ONNX file`;
        throw new TextFormatError(`model_warmup input '${name}': ${types}`, at);
      }
      const own = await readOne(directory, name, { tensor, at });
      read.set(name, hasBatchAxis ? repeated(own, Math.min(Math.max(1, rows), mostRows)) : own);
    }
    const missing = file.inputs.find(({ name }) => !read.has(name));
    if (missing !== undefined) throw new TextFormatError(`model_warmup: input '${missing.name}' is missing`, at);
    const tensors: Tensors = client === null ? read : client.toModel(read);
    samples.push({ inputs: tensors, digest: digestOf(tensors) });
  }
  return samples;
}

async function readOne(
  directory: string,
  name: string,
  { tensor: { datatype, dims, content }, at }: { readonly tensor: WarmupTensor; readonly at: Place },
): Promise<Tensor> {
  if (content.kind !== 'file') {
    const count = elementCount(dims);
    const empty = () => Array.from({ length: count }, () => new Uint8Array(0));
    return { datatype, shape: dims, data: datatype === 'BYTES' ? empty() : allocate(datatype, count) };
  }
  const where = `model_warmup input '${name}': input_data_file`;
  const folder = path.join(directory, 'warmup');
  const file = path.join(folder, content.file);
  if (!file.startsWith(folder + path.sep)) {
    throw new TextFormatError(`${where}: must lie in the folder warmup, was: ${JSON.stringify(content.file)}`, at);
  }
  try {
    return readTensor(where, datatype, dims, await readFile(file));
  } catch (error) {
    throw new TextFormatError(error instanceof Error ? error.message : String(error), at);
  }
}

/** One element of a batch, as all of its elements. */
function repeated(tensor: Tensor, rows: number): Tensor {
  const row = { ...tensor, shape: [1, ...tensor.shape] };
  const signature = { inputs: [{ name: 'x', datatype: row.datatype, shape: row.shape, batchAxis: 0 }], outputs: [] };
  return stack(
    signature,
    Array.from({ length: rows }, () => new Map([['x', row]])),
  ).get('x')!;
}

function digestOf(tensors: Tensors): string {
  const hash = createHash('sha256');
  for (const [name, { datatype, shape, data }] of tensors) {
    hash.update(JSON.stringify([name, datatype, shape]));
    hashElements(hash, data);
  }
  return hash.digest('hex');
}
