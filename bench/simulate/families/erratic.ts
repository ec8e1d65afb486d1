/**
 * Erratic spikes: three weeks of days like those of `recurring`, whose spikes come at random hours, so that nothing recurs.
 * A forecast by time of day and week can only cost here.
 */
import { family } from './family.ts';
import { weeks } from './recurring.ts';

const hourS = 3600;
const dayS = 24 * hourS;

export const erratic = family({
  ranges: {
    swing: [0.1, 0.5],
    peakHour: [10, 18],
    dailySpikes: [1, 3],
    spikeHour: [0, 23],
    factor: [3, 8],
    stayS: [120, 1800],
    riseS: [10, 60],
  },
  lengthS: [weeks * 7 * dayS, weeks * 7 * dayS],
  stepMs: 10_000,
  shape(draw, levels) {
    const [swing, peakHour] = [draw.even('swing'), draw.even('peakHour')];
    const base = (atS: number): number => 1 + swing * Math.cos((2 * Math.PI * (atS - peakHour * hourS)) / dayS);
    levels.fill(base);
    const daily = Math.round(draw.even('dailySpikes'));
    for (let spike = 0; spike < daily * 7 * weeks; spike += 1) {
      const fromS = Math.floor(spike / daily) * dayS + draw.even('spikeHour') * hourS;
      const [factor, stayS, riseS] = [draw.log('factor'), draw.log('stayS'), draw.log('riseS')];
      levels.raise(
        fromS,
        riseS + stayS,
        (sinceS) => base(fromS + sinceS) * (1 + (factor - 1) * Math.min(1, sinceS / riseS)),
      );
    }
  },
});
