/** `mlp`: a perceptron as large as a classifier of 28×28 images, with random weights. */
import { buildPerceptron } from './perceptron.ts';

export function build(): Uint8Array {
  return buildPerceptron('mlp', [784, 512, 512, 10], 1);
}
