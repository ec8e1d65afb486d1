/** `wide`: a perceptron of 38 MB, larger than a core's caches, so that a run of 1 row takes about as long as one of 8. */
import { buildPerceptron } from './perceptron.ts';

export function build(): Uint8Array {
  return buildPerceptron('wide', [512, 2048, 2048, 2048, 10], 2);
}
