/**
 * Days with noise: the two harmonics of a day's load, and noise about them that comes back to its mean within seconds to
 * minutes. A day is compressed into half an hour or more, so load drifts at most a few percent a minute faster than a day's.
 */
import { family, fineStepMs } from './family.ts';
import { normal } from '../lognormal.ts';

export const days = family({
  ranges: {
    dayS: [1800, 5400],
    phase: [0, 1],
    swing: [0.2, 0.6],
    secondSwing: [0, 0.2],
    noise: [0.02, 0.15],
    noiseSpanS: [10, 120],
  },
  lengthS: [1800, 5400],
  stepMs: fineStepMs,
  shape(draw, levels) {
    const [dayS, phase] = [draw.log('dayS'), draw.even('phase')];
    const [swing, secondSwing] = [draw.even('swing'), draw.even('secondSwing')];
    const [noise, noiseSpanS] = [draw.log('noise'), draw.log('noiseSpanS')];
    // An Ornstein–Uhlenbeck process in the logarithm of the rate: exact at any step.
    const kept = Math.exp(-levels.stepS / noiseSpanS);
    const fresh = Math.sqrt(1 - kept * kept);
    let error = normal(draw.random);
    levels.fill((atS) => {
      error = kept * error + fresh * normal(draw.random);
      const angle = 2 * Math.PI * (atS / dayS + phase);
      return (1 + swing * Math.sin(angle) + secondSwing * Math.sin(2 * angle)) * Math.exp(noise * error);
    });
  },
});
