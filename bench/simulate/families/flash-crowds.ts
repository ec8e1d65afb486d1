/** Flash crowds: a steep rise to a peak, from which interest decays exponentially. */
import { family, fineStepMs, usualLengthS } from './family.ts';

export const flashCrowds = family({
  ranges: { quietS: [120, 900], factor: [3, 10], riseS: [5, 60], decayS: [60, 900] },
  lengthS: usualLengthS,
  stepMs: fineStepMs,
  shape(draw, levels) {
    levels.fill(() => 1);
    for (let atS = draw.log('quietS'); atS < levels.lengthS; atS += draw.log('quietS')) {
      const [factor, riseS, decayS] = [draw.log('factor'), draw.log('riseS'), draw.log('decayS')];
      levels.raise(atS, levels.lengthS, (sinceS) =>
        sinceS < riseS ? 1 + ((factor - 1) * sinceS) / riseS : 1 + (factor - 1) * Math.exp((riseS - sinceS) / decayS),
      );
      atS += riseS + 2 * decayS;
    }
  },
});
