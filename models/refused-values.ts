/**
 * Tells values that a model can't take, such as a token id beyond its vocabulary, from failures of the model, by ONNX Runtime's message
 * of the failed run. Pure.
 */

/** Messages of kernels about an element of an input: Gather, ScatterElements; GatherElements; GatherND, ScatterND; fused embeddings; OneHotEncoder. */
const refusals =
  /indices element out of data bounds.*|Out of range value in index tensor.*|invalid ind(?:ex|ice) found.*|input index out of range.*|Unknown Category and zeros = 0.*/;
const place = /while running (\S+) node\. Name:'([^']*)'/;

/** @returns what is wrong with the values and which node says so; null where the model itself may be at fault */
export function refusedValues(message: string): string | null {
  const refusal = refusals.exec(message)?.[0].trim();
  if (refusal === undefined) return null;
  const [, operator, name] = place.exec(message) ?? [];
  if (operator === undefined) return refusal;
  return `${refusal} (node ${name === '' ? '' : `'${name}', `}${operator})`;
}
