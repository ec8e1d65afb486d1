/** Ramps: load climbs over minutes to a multiple, stays, and goes back as slowly. */
import { family, fineStepMs, usualLengthS } from './family.ts';

export const ramps = family({
  ranges: { quietS: [60, 600], factor: [1.5, 6], riseS: [60, 900], stayS: [60, 900], fallS: [60, 900] },
  lengthS: usualLengthS,
  stepMs: fineStepMs,
  shape(draw, levels) {
    levels.fill(() => 1);
    for (let atS = draw.log('quietS'); atS < levels.lengthS; atS += draw.log('quietS')) {
      const factor = draw.log('factor');
      const [riseS, stayS, fallS] = [draw.log('riseS'), draw.log('stayS'), draw.log('fallS')];
      const forS = riseS + stayS + fallS;
      levels.raise(
        atS,
        forS,
        (sinceS) => 1 + (factor - 1) * Math.min(1, sinceS / riseS, Math.max(0, (forS - sinceS) / fallS)),
      );
      atS += forS;
    }
  },
});
