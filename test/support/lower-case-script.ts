/** JavaScript for a process that has onnxruntime-node, such as one in the image: prints words in lower case, as a model with a StringNormalizer answers them. */
export function lowerCaseScript(model: Uint8Array): string {
  return `
const { InferenceSession, Tensor } = await import('onnxruntime-node');
const session = await InferenceSession.create(Buffer.from('${Buffer.from(model).toString('base64')}', 'base64'));
const { y } = await session.run({ x: new Tensor('string', ['GRÖSSE', 'École', 'ΩΜΈΓΑ'], [3]) });
console.log(JSON.stringify(y.data));`;
}
