/** Steps: quiet, then within half a minute a multiple of it that stays, and back. */
import { family, fineStepMs, usualLengthS } from './family.ts';

export const steps = family({
  ranges: { quietS: [60, 600], factor: [2, 8], riseS: [0.1, 30], stayS: [10, 1800] },
  lengthS: usualLengthS,
  stepMs: fineStepMs,
  shape(draw, levels) {
    levels.fill(() => 1);
    for (let atS = draw.log('quietS'); atS < levels.lengthS; atS += draw.log('quietS')) {
      const [factor, riseS, stayS] = [draw.log('factor'), draw.log('riseS'), draw.log('stayS')];
      levels.raise(atS, riseS + stayS, (sinceS) => 1 + (factor - 1) * Math.min(1, sinceS / riseS));
      atS += riseS + stayS;
    }
  },
});
