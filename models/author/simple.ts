/** `simple`: the sum and the difference of two rows, with the tensor names that Triton's example clients use. */
import { writeOnnx } from './onnx-writer.ts';

export function build(): Uint8Array {
  const shape = ['batch', 16];
  return writeOnnx({
    name: 'simple',
    inputs: [
      { name: 'INPUT0', datatype: 'INT32', shape },
      { name: 'INPUT1', datatype: 'INT32', shape },
    ],
    outputs: [
      { name: 'OUTPUT0', datatype: 'INT32', shape },
      { name: 'OUTPUT1', datatype: 'INT32', shape },
    ],
    nodes: [
      { operator: 'Add', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT0'] },
      { operator: 'Sub', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT1'] },
    ],
  });
}
