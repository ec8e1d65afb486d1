/** Tiny models for tests: each function returns the bytes of an ONNX file with one property of interest. */
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';
import { writeOnnx } from './onnx-writer.ts';

/** Copies every datatype: an input named like it in lower case, [-1, 2], and an output `<input>_out`. */
export function typesEcho(): Uint8Array {
  const datatypes = Object.keys(datatypeBytes) as Datatype[];
  const shape = ['batch', 2];
  return writeOnnx({
    name: 'types_echo',
    inputs: datatypes.map((datatype) => ({ name: datatype.toLowerCase(), datatype, shape })),
    outputs: datatypes.map((datatype) => ({ name: `${datatype.toLowerCase()}_out`, datatype, shape })),
    nodes: datatypes.map((datatype) => ({
      operator: 'Identity',
      inputs: [datatype.toLowerCase()],
      outputs: [`${datatype.toLowerCase()}_out`],
    })),
  });
}

/** Lower case by the locale en_US.UTF-8, as in text pipelines of scikit-learn: `x` BYTES [-1] → `y`. */
export function lowerCase(): Uint8Array {
  return writeOnnx({
    name: 'lower_case',
    inputs: [{ name: 'x', datatype: 'BYTES', shape: ['words'] }],
    outputs: [{ name: 'y', datatype: 'BYTES', shape: ['words'] }],
    nodes: [
      {
        operator: 'StringNormalizer',
        inputs: ['x'],
        outputs: ['y'],
        attributes: { case_change_action: { text: 'LOWER' } },
      },
    ],
  });
}

/** Fixed batch of four: `x` FP32 [4, 3] → `y` = 2x. */
export function fixedBatch(): Uint8Array {
  return writeOnnx({
    name: 'fixed_batch',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [4, 3] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [4, 3] }],
    nodes: [{ operator: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  });
}

/** `x` FP32 [-1, 1] → `y` = x · factor. */
export function multiplier(factor: number): Uint8Array {
  return writeOnnx({
    name: 'multiplier',
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 1] }],
    nodes: [{ operator: 'Mul', inputs: ['x', 'factor'], outputs: ['y'] }],
    weights: [{ name: 'factor', shape: [1], data: Float32Array.of(factor) }],
  });
}

/**
 * Ends each process of an x86-64 machine that loads it, by SIGFPE: ONNX Runtime divides the least integer by -1 when it folds constants,
 * which traps. `x` INT32 [-1, 1] → `y`.
 */
export function traps(): Uint8Array {
  return writeOnnx({
    name: 'traps',
    inputs: [{ name: 'x', datatype: 'INT32', shape: ['batch', 1] }],
    outputs: [{ name: 'y', datatype: 'INT32', shape: ['batch', 1] }],
    nodes: [
      { operator: 'Div', inputs: ['least', 'minus_one'], outputs: ['quotient'] },
      { operator: 'Add', inputs: ['x', 'quotient'], outputs: ['y'] },
    ],
    weights: [
      { name: 'least', shape: [1], data: Int32Array.of(-(2 ** 31)) },
      { name: 'minus_one', shape: [1], data: Int32Array.of(-1) },
    ],
  });
}

/**
 * Tensors without a declared shape: `x` FP32 of any shape, `factor` FP32 → `y` = x · factor.
 * @param factorShape that of a scalar if it is not given
 */
export function anyShape(factorShape: readonly (number | string)[] = []): Uint8Array {
  return writeOnnx({
    name: 'any_shape',
    inputs: [
      { name: 'x', datatype: 'FP32', shape: null },
      { name: 'factor', datatype: 'FP32', shape: factorShape },
    ],
    outputs: [{ name: 'y', datatype: 'FP32', shape: null }],
    nodes: [{ operator: 'Mul', inputs: ['x', 'factor'], outputs: ['y'] }],
  });
}

/** Model without a batch axis: `x` FP32 [3] → `y` FP32 [1], its sum. */
export function unbatchable(): Uint8Array {
  return writeOnnx({
    name: 'unbatchable',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [3] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
    nodes: [{ operator: 'ReduceSum', inputs: ['x'], outputs: ['y'], attributes: { keepdims: { int: 1 } } }],
  });
}

/** Rows whose length differs from request to request: `x` FP32 [-1, -1] → `y` FP32 [-1, 1], the sum of each row. */
export function variableLength(): Uint8Array {
  return writeOnnx({
    name: 'variable_length',
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 'length'] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 1] }],
    nodes: [{ operator: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['y'], attributes: { keepdims: { int: 1 } } }],
    weights: [{ name: 'axes', shape: [1], data: BigInt64Array.of(1n) }],
  });
}

/**
 * Rows along axis 1, with a factor that all of them share: `x` FP32 [2, -1], `k` FP32 [1] → `y` FP32 [2, -1] = x·k.
 * Tests give it a config of batchAxis 1 for `x` and `y`, null for `k`.
 */
export function axisOne(): Uint8Array {
  return writeOnnx({
    name: 'axis_one',
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [2, 'batch'] },
      { name: 'k', datatype: 'FP32', shape: [1] },
    ],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 'batch'] }],
    nodes: [{ operator: 'Mul', inputs: ['x', 'k'], outputs: ['y'] }],
  });
}

/** Lookup in [0, 10, 20, 30]: `index` INT64 [-1] → `y` FP32 [-1]. An index beyond the table is refused. */
export function lookup(): Uint8Array {
  return writeOnnx({
    name: 'lookup',
    inputs: [{ name: 'index', datatype: 'INT64', shape: ['batch'] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch'] }],
    nodes: [{ operator: 'Gather', inputs: ['table', 'index'], outputs: ['y'] }],
    weights: [{ name: 'table', shape: [4], data: Float32Array.of(0, 10, 20, 30) }],
  });
}

/**
 * Tens of `index` INT64 [-1] up to 3, as `y` FP32 [-1]. A larger one makes the run fail in a way that no client can mend: the model drops
 * the row, and then wants its number back.
 */
export function brittle(): Uint8Array {
  return writeOnnx({
    name: 'brittle',
    inputs: [{ name: 'index', datatype: 'INT64', shape: ['batch'] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch'] }],
    nodes: [
      { operator: 'Less', inputs: ['index', 'four'], outputs: ['small'] },
      { operator: 'Cast', inputs: ['index'], outputs: ['number'], attributes: { to: { int: 1 } } },
      { operator: 'Mul', inputs: ['number', 'ten'], outputs: ['tens'] },
      { operator: 'Compress', inputs: ['tens', 'small'], outputs: ['kept'], attributes: { axis: { int: 0 } } },
      { operator: 'Shape', inputs: ['index'], outputs: ['shape'] },
      { operator: 'Reshape', inputs: ['kept', 'shape'], outputs: ['y'] },
    ],
    weights: [
      { name: 'four', shape: [1], data: BigInt64Array.of(4n) },
      { name: 'ten', shape: [1], data: Float32Array.of(10) },
    ],
  });
}

/** Columns of `x` FP32 [-1, -1] whose sum is not 0, as `y` FP32 [-1, -1]: the length of each row depends on all rows. */
export function usedColumns(): Uint8Array {
  return writeOnnx({
    name: 'used_columns',
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 'columns'] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 'used'] }],
    nodes: [
      {
        operator: 'ReduceSum',
        inputs: ['x', 'axes'],
        outputs: ['sums'],
        attributes: { keepdims: { int: 0 } },
      },
      // TensorProto.DataType 9 is BOOL.
      { operator: 'Cast', inputs: ['sums'], outputs: ['used'], attributes: { to: { int: 9 } } },
      { operator: 'Compress', inputs: ['x', 'used'], outputs: ['y'], attributes: { axis: { int: 1 } } },
    ],
    weights: [{ name: 'axes', shape: [1], data: BigInt64Array.of(0n) }],
  });
}

/**
 * Rows that depend on one another only where a row has 777.25 in its first column: `x` FP32 [-1, 4] → `y` FP32 [-1, 4] = x, plus 1
 * in every row of such a run. No random input has that number, and a walk over the graph loses sight of the rows at NonZero.
 */
export function rarelyCoupled(): Uint8Array {
  return writeOnnx({
    name: 'rarely_coupled',
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 4] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 4] }],
    nodes: [
      { operator: 'Gather', inputs: ['x', 'first'], outputs: ['column'], attributes: { axis: { int: 1 } } },
      { operator: 'Equal', inputs: ['column', 'rare'], outputs: ['isRare'] },
      // Rows that are found by their values can't be followed through the graph.
      { operator: 'NonZero', inputs: ['isRare'], outputs: ['places'] },
      { operator: 'Shape', inputs: ['places'], outputs: ['shape'] },
      { operator: 'Gather', inputs: ['shape', 'last'], outputs: ['count'], attributes: { axis: { int: 0 } } },
      { operator: 'Min', inputs: ['count', 'last'], outputs: ['atMostOne'] },
      // TensorProto.DataType 1 is FLOAT.
      { operator: 'Cast', inputs: ['atMostOne'], outputs: ['any'], attributes: { to: { int: 1 } } },
      { operator: 'Add', inputs: ['x', 'any'], outputs: ['y'] },
    ],
    weights: [
      { name: 'first', shape: [1], data: BigInt64Array.of(0n) },
      { name: 'last', shape: [1], data: BigInt64Array.of(1n) },
      { name: 'rare', shape: [1], data: Float32Array.of(777.25) },
    ],
  });
}

/**
 * Rows that depend on one another only where the mean of a column lies from 2·10⁶ to 4·10⁶, which no random input reaches: `x` FP32
 * [-1, 3] → `y` FP32 [-1, 3], in such columns −x and else x. The walk over the graph is certain of it.
 */
export function quietMean(): Uint8Array {
  return writeOnnx({
    name: 'quiet_mean',
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 3] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 3] }],
    nodes: [
      {
        name: 'Mean_0',
        operator: 'ReduceMean',
        inputs: ['x'],
        outputs: ['mean'],
        attributes: { axes: { ints: [0] } },
      },
      { operator: 'Sub', inputs: ['mean', 'middle'], outputs: ['offset'] },
      { operator: 'Abs', inputs: ['offset'], outputs: ['distance'] },
      { operator: 'Less', inputs: ['distance', 'near'], outputs: ['isNear'] },
      { operator: 'Neg', inputs: ['x'], outputs: ['minus'] },
      { operator: 'Where', inputs: ['isNear', 'minus', 'x'], outputs: ['y'] },
    ],
    weights: [
      { name: 'middle', shape: [1], data: Float32Array.of(3e6) },
      { name: 'near', shape: [1], data: Float32Array.of(1e6) },
    ],
  });
}

/** Rows that are rounded to the steps of a scale that the whole run shares: `x` FP32 [-1, 3] → `y` FP32 [-1, 3], x in 8 bits. */
export function quantisedTogether(): Uint8Array {
  return writeOnnx({
    name: 'quantised_together',
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 3] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 3] }],
    nodes: [
      { name: 'Quantise_0', operator: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 'scale', 'zero'] },
      { operator: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['y'] },
    ],
  });
}

/** `ids` INT64 [-1, 2] → `y` FP32 [-1, 2]: a table of 3, looked up at ids − 5000, so that other ids than 5000 to 5002 are refused. */
export function picky(): Uint8Array {
  return writeOnnx({
    name: 'picky',
    inputs: [{ name: 'ids', datatype: 'INT64', shape: ['batch', 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 2] }],
    nodes: [
      { operator: 'Sub', inputs: ['ids', 'offset'], outputs: ['index'] },
      { operator: 'Gather', inputs: ['table', 'index'], outputs: ['y'] },
    ],
    weights: [
      { name: 'offset', shape: [1], data: BigInt64Array.of(5000n) },
      { name: 'table', shape: [3], data: Float32Array.of(1, 2, 3) },
    ],
  });
}
