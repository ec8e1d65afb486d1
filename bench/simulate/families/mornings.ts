/** Mornings: nothing at all by night, then within minutes or seconds the load of a day, which ends in an evening. */
import { family, fineStepMs, usualLengthS } from './family.ts';

export const mornings = family({
  ranges: {
    nightS: [120, 900],
    riseS: [5, 180],
    rush: [1, 2.5],
    rushDecayS: [60, 600],
    dayS: [300, 1800],
    fallS: [30, 600],
  },
  lengthS: usualLengthS,
  stepMs: fineStepMs,
  shape(draw, levels) {
    // The trace begins in an evening, so that each policy meets the night with pods.
    for (let atS = -0.9 * draw.log('dayS'); atS < levels.lengthS; atS += draw.log('nightS')) {
      const [riseS, rush, rushDecayS] = [draw.log('riseS'), draw.even('rush'), draw.log('rushDecayS')];
      const [dayS, fallS] = [draw.log('dayS'), draw.log('fallS')];
      const forS = riseS + dayS + fallS;
      const startS = Math.max(0, atS);
      const level = (sinceS: number): number => {
        if (sinceS < riseS) return (rush * sinceS) / riseS;
        const day = 1 + (rush - 1) * Math.exp((riseS - sinceS) / rushDecayS);
        return day * Math.min(1, Math.max(0, (forS - sinceS) / fallS));
      };
      levels.raise(startS, forS - (startS - atS), (sinceS) => level(sinceS + startS - atS));
      atS += forS;
    }
  },
});
