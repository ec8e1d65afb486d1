/** Which bodies and answers take so long that the event loop must not wait for them. Pure functions, asked for each request. */
import type { Protocol } from '../../contract/envelope.ts';
import { isBytes } from '../../contract/tensor-data.ts';
import type { ParsedCall, RequestBody } from '../protocol/call.ts';
import type { Signature, Tensors } from '../tensor.ts';

/**
 * Bytes of JSON that are parsed where they arrive. Parsing takes 1 to 10 ms a MiB for numbers as clients write them, and up to 110 ms
 * for the slowest that were found (`1.0` for an integer, an object for each element): 28 ms at this length.
 */
export const lightBodyBytes = 256 * 1024;
/** Numbers that are written as JSON where they were computed: about 10 ms. */
const lightAnswerNumbers = 65_536;
/** Bytes of text, likewise. */
const lightAnswerBytes = 256 * 1024;

/** Whether reading the body may take long. Binary numbers are only looked at, however many they are. */
export function isHeavyBody(request: RequestBody, protocol: Protocol, surfaces: readonly Signature[]): boolean {
  const { body, inferenceHeaderLength } = request;
  if (body.length <= lightBodyBytes) return false;
  if (protocol === 'v1' || inferenceHeaderLength === undefined) return true;
  const jsonBytes = Number(inferenceHeaderLength);
  if (!(jsonBytes >= 0 && jsonBytes <= lightBodyBytes)) return true;
  // Elements of these are looked at one by one.
  return surfaces.some(({ inputs }) => inputs.some(({ datatype }) => datatype === 'BOOL' || datatype === 'BYTES'));
}

/** Whether writing the outputs that the call asks for may take long. */
export function isHeavyAnswer({ outputs: requested }: ParsedCall, outputs: Tensors): boolean {
  let numbers = 0;
  let bytes = 0;
  for (const { name, binary } of requested) {
    const data = outputs.get(name)?.data;
    if (data === undefined) continue;
    if (isBytes(data)) {
      numbers += data.length;
      for (const element of data) bytes += element.length;
    } else if (!binary) {
      numbers += data.length;
    }
  }
  return numbers > lightAnswerNumbers || bytes > lightAnswerBytes;
}
