/** Seeded numbers for weights: integer arithmetic and one division by a power of two, so equal on every machine. */

/** Marsaglia's xorshift32. @returns a source of numbers in [0, 1), each exact in FP32 */
export function seededRandom(seed: number): () => number {
  // Zero is the one state that xorshift never leaves.
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 8) / 2 ** 24;
  };
}
