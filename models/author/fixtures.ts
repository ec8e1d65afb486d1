/** Tiny models for the tests of other folders: each returns the bytes of an ONNX file that shows one property. */
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';
import { writeOnnx } from './onnx-writer.ts';

/** For each datatype an input of its name in lower case, [-1, 2], copied to the output `<input>_out`. */
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

/** No axis varies: `x` FP32 [4, 3] → `y` = 2x. */
export function fixedBatch(): Uint8Array {
  return writeOnnx({
    name: 'fixed_batch',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [4, 3] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [4, 3] }],
    nodes: [{ operator: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  });
}

/** No axis of rows at all: `x` FP32 [3] → `y` FP32 [1], its sum. */
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
 * Rows lie along axis 1, and all share the factor: `x` FP32 [2, -1], `k` FP32 [1] → `y` FP32 [2, -1] = x·k.
 * Its config says batchAxis 1 for `x` and `y`, null for `k`.
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

/** Some values make a run fail: `index` INT64 [-1] → `y` FP32 [-1]: the element of [0, 10, 20, 30]; beyond it the run fails. */
export function lookup(): Uint8Array {
  return writeOnnx({
    name: 'lookup',
    inputs: [{ name: 'index', datatype: 'INT64', shape: ['batch'] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch'] }],
    nodes: [{ operator: 'Gather', inputs: ['table', 'index'], outputs: ['y'] }],
    weights: [{ name: 'table', shape: [4], data: Float32Array.of(0, 10, 20, 30) }],
  });
}

/** Rows get as long as the data of the whole run says: `x` FP32 [-1, -1] → `y` FP32 [-1, -1], its columns whose sum is not 0. */
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
      // 9 is BOOL.
      { operator: 'Cast', inputs: ['sums'], outputs: ['used'], attributes: { to: { int: 9 } } },
      { operator: 'Compress', inputs: ['x', 'used'], outputs: ['y'], attributes: { axis: { int: 1 } } },
    ],
    weights: [{ name: 'axes', shape: [1], data: BigInt64Array.of(0n) }],
  });
}
