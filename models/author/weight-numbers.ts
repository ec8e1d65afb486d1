/**
 * Random numbers for the zoo's weights, by Marsaglia's xorshift32. The generator can't be `runtime/seeded-random.ts`: the
 * committed `mlp/1/model.onnx` must come out of it again byte for byte, and its 24 bits are exact in FP32.
 *
 * Integer arithmetic and one division by a power of two give the same numbers on every machine.
 *
 * @returns a source of numbers in [0, 1)
 */
export function weightNumbers(seed: number): () => number {
  // Zero is the one state that xorshift never leaves.
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 8) / 2 ** 24;
  };
}
