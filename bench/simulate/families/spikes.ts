/** Spikes: seconds of a multiple, over before a pod that they order is ready. */
import { family, fineStepMs, usualLengthS } from './family.ts';

export const spikes = family({
  ranges: { quietS: [45, 900], factor: [2, 10], spikeS: [5, 30] },
  lengthS: usualLengthS,
  stepMs: fineStepMs,
  shape(draw, levels) {
    levels.fill(() => 1);
    for (let atS = draw.log('quietS'); atS < levels.lengthS; atS += draw.log('quietS')) {
      const [factor, spikeS] = [draw.log('factor'), draw.log('spikeS')];
      levels.raise(atS, spikeS, () => factor);
      atS += spikeS;
    }
  },
});
