/** A source of numbers, uniform in [0, 1). */
export type Random = () => number;

/**
 * Numbers that the same seed gives again on every machine: mulberry32 (Tommy Ettinger, public domain), a 32-bit state
 * with a period of 2^32. Simulations, generated load and tests draw from it; nothing here is for secrets.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
