/**
 * Self-similar bursts: sources that are on and off for times with a heavy tail, whose sum is bursty on every scale
 * (W. Willinger, M. Taqqu, R. Sherman, D. Wilson, "Self-similarity through high-variability", 1997).
 */
import type { Random } from '../../../runtime/seeded-random.ts';
import { family, fineStepMs, usualLengthS } from './family.ts';

export const selfSimilar = family({
  ranges: { sources: [8, 60], tail: [1.2, 1.8], onS: [1, 10], offS: [3, 60] },
  lengthS: usualLengthS,
  stepMs: fineStepMs,
  shape(draw, levels) {
    const sources = Math.round(draw.log('sources'));
    const [tail, onS, offS] = [draw.even('tail'), draw.log('onS'), draw.log('offS')];
    levels.fill(() => 0.05 * sources);
    const add = (fromS: number, forS: number): void => {
      const first = Math.max(0, Math.round(fromS / levels.stepS));
      const end = Math.min(levels.values.length, Math.round((fromS + forS) / levels.stepS));
      for (let step = first; step < end; step += 1) levels.values[step]! += 1;
    };
    for (let source = 0; source < sources; source += 1) {
      let atS = -draw.random() * (onS + offS);
      while (atS < levels.lengthS) {
        const forS = pareto(draw.random, onS, tail);
        add(atS, forS);
        atS += forS + pareto(draw.random, offS, tail);
      }
    }
  },
});

/** Longest time of a source, as a multiple of the shortest: or one of them could decide a whole trace. */
const mostTimes = 300;

/** Draws a time of at least `least`, whose tail falls as time to the power −`tail`. */
function pareto(random: Random, least: number, tail: number): number {
  return least * Math.min(mostTimes, (1 - random()) ** (-1 / tail));
}
