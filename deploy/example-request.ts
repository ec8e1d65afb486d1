/** Shell command that asks a model for a prediction: made of its metadata, so that it works for models that nobody here has seen. Pure. */
import { datatypeBytes } from '../contract/datatypes.ts';
import { elementCount, type NumericDatatype } from '../contract/tensor-data.ts';

/** Input of a model, as its metadata describes it. */
export interface ExampleInput {
  readonly name: string;
  readonly datatype: string;
  /** -1 where the length varies. */
  readonly shape: readonly number[];
}

/** Elements that a command still shows; of more it would show nothing else. */
const shownElements = 64;

const jsonHeader = "-H 'content-type: application/json'";

/** @param inputs of the model; null where they are not known, which leaves its metadata to ask for */
export function exampleRequest(gateway: string, model: string, inputs: readonly ExampleInput[] | null): string {
  const address = `${gateway}/v2/models/${encodeURIComponent(model)}`;
  if (inputs === null) return `curl -s ${address}`;
  const [only] = inputs;
  // A text model is worth a text. The text is of the bundled model, which tells the language of it.
  if (inputs.length === 1 && only!.datatype === 'BYTES' && elementsOf(only!) === 1) {
    const shape = only!.shape.map((length) => Math.max(1, length));
    return posted(address, { inputs: [{ ...only!, shape, data: ['Bonjour tout le monde'] }] });
  }
  const isLarge = (input: ExampleInput): boolean => input.datatype !== 'BYTES' && elementsOf(input) > shownElements;
  const shown = inputs.filter((input) => !isLarge(input)).map((input) => ({ ...shaped(input), data: zeros(input) }));
  const large = inputs.filter(isLarge);
  if (large.length === 0) return posted(address, { inputs: shown });
  // Zeros of large tensors follow the JSON as bytes, by the binary tensor extension.
  const sizeOf = (input: ExampleInput): number => elementsOf(input) * datatypeBytes[input.datatype as NumericDatatype];
  const sized = large.map((input) => ({ ...shaped(input), parameters: { binary_data_size: sizeOf(input) } }));
  const json = JSON.stringify({ inputs: [...shown, ...sized] });
  const bytes = large.reduce((sum, input) => sum + sizeOf(input), 0);
  return (
    `(printf %s ${quoted(json)}; head -c ${bytes} /dev/zero) | ` +
    `curl -s ${address}/infer -H 'content-type: application/octet-stream' -H 'inference-header-content-length: ${Buffer.byteLength(json)}' --data-binary @-`
  );
}

function posted(address: string, body: object): string {
  return `curl -s ${address}/infer ${jsonHeader} -d ${quoted(JSON.stringify(body))}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function shaped({ name, datatype, shape }: ExampleInput): ExampleInput {
  return { name, datatype, shape: shape.map((length) => (length < 0 ? 1 : length)) };
}

function elementsOf(input: ExampleInput): number {
  return elementCount(shaped(input).shape);
}

function zeros(input: ExampleInput): readonly (number | boolean | string)[] {
  const zero = input.datatype === 'BOOL' ? false : input.datatype === 'BYTES' ? 'text' : 0;
  return Array.from({ length: elementsOf(input) }, () => zero);
}
