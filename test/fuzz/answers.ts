/** Whether an answer of 200 is the right one, by the arithmetic of the model on what was read of the request. */
import type { Datatype } from '../../contract/datatypes.ts';
import { readInferAnswer, type Answer } from '../support/requests.ts';
import { elementsOf, readRequest, type Element, type Reading, type ReadTensor, type Sent } from './reading.ts';

interface Expected {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: readonly Element[];
  /** Difference that float sums may have, by element; exact without it. */
  readonly tolerance?: readonly number[];
}

/** Languages by text, from the first answer: one text has one language, whatever it shares its run with. */
export class Languages {
  readonly #labels = new Map<string, string>();

  /** @returns what is wrong */
  compare(text: string, label: string): string | null {
    const known = this.#labels.get(text);
    if (known === undefined && this.#labels.size < 20_000) this.#labels.set(text, label);
    return known === undefined || known === label ? null : `${JSON.stringify(text)} is ${label}, and was ${known}`;
  }
}

/** @returns what is wrong with an answer of 200; null if nothing is */
export function wrongAnswer(sent: Sent, answer: Answer, languages: Languages): string | null {
  let reading: Reading;
  try {
    reading = readRequest(sent);
  } catch (error) {
    return `answered 200, but no valid request can be read: ${(error as Error).message}`;
  }
  try {
    return reading.layout === 'infer'
      ? wrongInfer(reading, answer, languages)
      : wrongPredict(reading, answer, languages);
  } catch (error) {
    return `the answer can't be read: ${(error as Error).message}`;
  }
}

function wrongInfer(reading: Reading, answer: Answer, languages: Languages): string | null {
  const { id, outputs } = readInferAnswer(answer);
  if (id !== reading.id) return `the id is ${id ?? 'missing'}, it was ${reading.id ?? 'missing'}`;
  const names = outputs.map(({ name }) => name).join();
  const wanted = reading.outputs.map(({ name }) => name).join();
  if (names !== wanted) return `outputs ${names} where ${wanted} were asked for`;
  for (const [index, output] of outputs.entries()) {
    // An output without bytes has none in binary either.
    if ((output.bytes !== undefined) !== reading.outputs[index]!.binary) return `${output.name} is in the wrong form`;
    const data = output.bytes === undefined ? output.data! : elementsOf(output.datatype, output.bytes);
    const wrong = wrongOutput(reading, output.name, { ...output, data }, languages);
    if (wrong !== null) return wrong;
  }
  return null;
}

function wrongPredict(reading: Reading, answer: Answer, languages: Languages): string | null {
  const document = JSON.parse(answer.text) as { predictions?: unknown[]; outputs?: unknown };
  const names = reading.model.outputs;
  const columnOf = (name: string): unknown => {
    if (reading.layout === 'columns')
      return names.length === 1 ? document.outputs : (document.outputs as Record<string, unknown>)[name];
    if (document.predictions?.length !== reading.rows)
      throw new Error(`${document.predictions?.length ?? 'no'} predictions`);
    return document.predictions.map((row) => (names.length === 1 ? row : (row as Record<string, unknown>)[name]));
  };
  for (const name of names) {
    const data = [columnOf(name)].flat(Infinity);
    const wrong = wrongOutput(reading, name, { data }, languages);
    if (wrong !== null) return wrong;
  }
  return null;
}

interface Given {
  readonly datatype?: Datatype;
  readonly shape?: readonly number[];
  readonly data: readonly unknown[];
}

function wrongOutput(reading: Reading, name: string, given: Given, languages: Languages): string | null {
  const expected = expectedOutput(reading, name);
  if (expected === null) return wrongLanguage(reading, name, given, languages);
  const { datatype, shape, data, tolerance } = expected;
  if ((given.datatype ?? datatype) !== datatype || (given.shape ?? shape).join() !== shape.join()) {
    return `${name} is ${given.datatype} [${given.shape?.join()}], not ${datatype} [${shape.join()}]`;
  }
  if (given.data.length !== data.length) return `${name} has ${given.data.length} elements, not ${data.length}`;
  for (const [index, value] of data.entries()) {
    if (!isSame(given.data[index], value, datatype, tolerance?.[index])) {
      return `${name}[${index}] is ${String(given.data[index])}, not ${String(value)}`;
    }
  }
  return null;
}

function isSame(given: unknown, expected: Element, datatype: Datatype, tolerance = 0): boolean {
  if (Buffer.isBuffer(expected)) return Buffer.isBuffer(given) ? given.equals(expected) : given === expected.toString();
  // JSON has neither NaN nor infinities, and JSON.parse rounds integers of 64 bits.
  if (typeof expected === 'bigint') return typeof given === 'bigint' ? given === expected : given === Number(expected);
  // A sum that overflows on its way may be anything.
  if (tolerance === Infinity) return true;
  if (given === null) return !Number.isFinite(expected);
  if (datatype === 'BOOL') return Number(given) === expected;
  const value = datatype === 'FP32' ? Math.fround(given as number) : (given as number);
  if (Number.isNaN(expected)) return Number.isNaN(value);
  return value === expected || Math.abs(value - expected) <= tolerance;
}

/** @returns null for an output that only ONNX Runtime can compute */
function expectedOutput({ model, inputs }: Reading, name: string): Expected | null {
  switch (model.name) {
    case 'simple': {
      const [one, other] = ['INPUT0', 'INPUT1'].map((input) => inputs.get(input)!);
      const sign = name === 'OUTPUT0' ? 1 : -1;
      const data = one!.data.map((value, index) => ((value as number) + sign * (other!.data[index] as number)) | 0);
      return { datatype: 'INT32', shape: one!.shape, data };
    }
    case 'types':
      return inputs.get(name.slice(0, -'_out'.length))!;
    case 'sums':
      return sumsOf(inputs.get('x')!);
    default:
      return null;
  }
}

function sumsOf({ shape, data }: ReadTensor): Expected {
  const length = shape[1]!;
  const rows = Array.from({ length: shape[0]! }, (_, row) => data.slice(row * length, (row + 1) * length) as number[]);
  return {
    datatype: 'FP32',
    shape: [rows.length, 1],
    data: rows.map((row) => row.reduce((sum, value) => sum + value, 0)),
    // Float32 in any order of adding.
    tolerance: rows.map((row) => {
      const size = row.reduce((sum, value) => sum + Math.abs(value), 0);
      return size < 3e38 ? size * 1e-5 + 1e-37 : Infinity;
    }),
  };
}

function wrongLanguage({ inputs }: Reading, name: string, { data }: Given, languages: Languages): string | null {
  const texts = inputs.get('text')!.data as readonly Buffer[];
  if (data.length !== texts.length) return `${name} has ${data.length} rows, not ${texts.length}`;
  if (name !== 'label')
    return data.every((score) => typeof score === 'number' && score > 0 && score <= 1.001)
      ? null
      : `scores ${data.join()}`;
  for (const [row, text] of texts.entries()) {
    const wrong = languages.compare(text.toString(), String(data[row]));
    if (wrong !== null) return wrong;
  }
  return null;
}
