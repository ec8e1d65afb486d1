/** On and off: a client that works in jobs, with little or nothing between them. */
import { family, fineStepMs, usualLengthS } from './family.ts';

export const onOff = family({
  ranges: { offLevel: [0, 0.2], onS: [20, 600], offS: [20, 600], level: [0.7, 1.4] },
  lengthS: usualLengthS,
  stepMs: fineStepMs,
  shape(draw, levels) {
    const off = draw.even('offLevel');
    levels.fill(() => off);
    for (let atS = 0; atS < levels.lengthS; atS += draw.log('offS')) {
      const [onS, level] = [draw.log('onS'), draw.even('level')];
      levels.raise(atS, onS, () => level);
      atS += onS;
    }
  },
});
