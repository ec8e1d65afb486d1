/**
 * Parses and answers `:predict` requests of KServe V1 and TensorFlow Serving: `instances` row by row, or `inputs` tensor by
 * tensor. A request names neither shapes nor datatypes: the brackets are the shape, and the model knows the datatype.
 */
import { quote, SluiceError } from '../../contract/errors.ts';
import { elementCount } from '../../contract/tensor-data.ts';
import { mediaTypes } from '../../contract/headers.ts';
import type { Signature, Tensor, Tensors } from '../tensor.ts';
import { takeRows } from '../rows.ts';
import type { Answer, InferCall, ParsedCall, PredictLayout, RequestBody } from './call.ts';
import { allOutputs, checkShape, countRows } from './fit.ts';
import { code, JsonCursor, JsonWriter, maxElementBytes } from './json/json.ts';
import { checkRowCount, unlimited, type RequestLimits } from './limits.ts';
import { outputOf } from './oip-response.ts';
import { readColumns, readInstances, type Columns } from './v1-tensors.ts';
import { jsonBody } from './request-body.ts';

/** @throws SluiceError of status 400 or 415 */
export function parsePredictRequest(
  request: RequestBody,
  surfaces: readonly Signature[],
  limits: RequestLimits = unlimited,
): InferCall {
  const cursor = new JsonCursor(jsonBody(request));
  if (cursor.peek() === -1) throw new SluiceError('invalid-json', 'the body is empty, it must be a JSON object');
  if (cursor.peek() !== code.openObject) {
    throw new SluiceError('invalid-request', `the body must be a JSON object, was: ${quote(cursor.value())}`);
  }
  let found: { readonly layout: 'rows' | 'columns'; readonly columns: Columns } | undefined;
  let parameters: Readonly<Record<string, unknown>> | undefined;
  cursor.object((key) => {
    if (key === 'parameters' && cursor.peek() === code.openObject) {
      if (parameters !== undefined) throw new SluiceError('invalid-request', `${key}: must come once`);
      parameters = cursor.value() as Readonly<Record<string, unknown>>;
      return;
    }
    if (key !== 'instances' && key !== 'inputs') {
      // Fields such as signature_name are ignored, since a model has one signature here.
      cursor.passValue();
      return;
    }
    if (found !== undefined) throw new SluiceError('invalid-request', `${key}: instances or inputs must come once`);
    found =
      key === 'instances'
        ? { layout: 'rows', columns: readInstances(cursor, surfaces, limits) }
        : { layout: 'columns', columns: readColumns(cursor, surfaces, limits) };
  });
  cursor.finish();
  if (found === undefined) throw new SluiceError('invalid-request', 'instances: is missing');
  const { layout, columns } = found;
  const signature = surfaces[columns.surface]!;
  for (const input of signature.inputs) {
    const tensor = columns.inputs.get(input.name);
    if (tensor !== undefined) checkShape(input, tensor.shape);
  }
  const rows = countRows(signature, columns.inputs);
  checkRowCount(limits, rows);
  return {
    id: undefined,
    surface: columns.surface,
    inputs: columns.inputs,
    rows,
    outputs: allOutputs(signature, false),
    ...(parameters !== undefined && { parameters }),
    predict: { layout, signature, ...(columns.instances === undefined ? {} : { instances: columns.instances }) },
  };
}

/** Renders `predictions` for `instances`, `outputs` for `inputs`. A single output is written without its name. */
export function renderPredictResponse(call: ParsedCall, outputs: Tensors): Answer {
  const { predict } = call;
  if (predict === undefined) throw new SluiceError('internal', 'the call was not parsed as a predict request');
  const tensors = call.outputs.map(({ name }) => ({ name, tensor: outputOf(outputs, name) }));
  let expected = 256;
  for (const { tensor } of tensors) expected += tensor.data.length * maxElementBytes;
  const writer = new JsonWriter(expected, 'base64');
  if (predict.layout === 'columns') {
    writer.raw('{"outputs":');
    writeNamed(writer, tensors, ({ name, tensor }) => writer.nested(`output '${name}'`, tensor, tensor.shape));
    writer.raw('}');
  } else {
    const columns = tensors.map(({ name, tensor }) => ({ name, ...rowsOf(predict, name, tensor) }));
    const rows = predict.instances ?? call.rows;
    writer.raw('{"predictions":[');
    for (let row = 0; row < rows; row += 1) {
      if (row > 0) writer.raw(',');
      writeNamed(writer, columns, (column) =>
        column.axis === null || column.axis === 0
          ? writer.nested(
              `output '${column.name}'`,
              column.tensor,
              column.shape,
              column.axis === null ? 0 : row * column.stride,
            )
          : writer.nested(`output '${column.name}'`, takeRows(column.tensor, column.axis, row, 1), column.shape),
      );
    }
    writer.raw(']}');
  }
  return { contentType: mediaTypes.json, inferenceHeaderLength: undefined, body: [writer.finish()] };
}

/** Shape and place of the rows of an output. */
interface RowLayout {
  readonly tensor: Tensor;
  readonly axis: number | null;
  readonly shape: readonly number[];
  readonly stride: number;
}

function rowsOf({ signature, instances }: PredictLayout, name: string, tensor: Tensor): RowLayout {
  const declared = signature.outputs.find((output) => output.name === name)?.batchAxis ?? null;
  if (instances !== undefined && tensor.shape[0] !== instances) {
    const shape = JSON.stringify(tensor.shape);
    throw new SluiceError('model-failed', `output '${name}' has shape ${shape} for ${instances} instances`);
  }
  const axis = instances === undefined ? declared : 0;
  const shape = axis === null ? tensor.shape : tensor.shape.toSpliced(axis, 1);
  return { tensor, axis, shape, stride: elementCount(shape) };
}

function writeNamed<Item extends { readonly name: string }>(
  writer: JsonWriter,
  items: readonly Item[],
  write: (item: Item) => void,
): void {
  if (items.length === 1) {
    write(items[0]!);
    return;
  }
  for (const [index, item] of items.entries()) {
    writer.raw(`${index === 0 ? '{' : ','}${JSON.stringify(item.name)}:`);
    write(item);
  }
  writer.raw('}');
}
