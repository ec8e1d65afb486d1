/**
 * Recurring spikes: three weeks of days, each with spikes at its hours, and with one more on one day of the week, each
 * some minutes early or late. Only a forecast by time of day and week can have pods ready for them.
 */
import { family } from './family.ts';

const hourS = 3600;
const dayS = 24 * hourS;
export const weeks = 3;

export const recurring = family({
  ranges: {
    swing: [0.1, 0.5],
    peakHour: [10, 18],
    dailySpikes: [1, 3],
    spikeHour: [0, 23],
    weekday: [0, 6],
    factor: [3, 8],
    stayS: [120, 1800],
    riseS: [10, 60],
    jitterS: [-60, 60],
  },
  lengthS: [weeks * 7 * dayS, weeks * 7 * dayS],
  stepMs: 10_000,
  shape(draw, levels) {
    const [swing, peakHour] = [draw.even('swing'), draw.even('peakHour')];
    const base = (atS: number): number => 1 + swing * Math.cos((2 * Math.PI * (atS - peakHour * hourS)) / dayS);
    levels.fill(base);
    const daily = Math.round(draw.even('dailySpikes'));
    for (let spike = 0; spike <= daily; spike += 1) {
      const weekday = spike < daily ? null : Math.floor(draw.even('weekday'));
      const atHour = draw.even('spikeHour');
      const [factor, stayS, riseS] = [draw.log('factor'), draw.log('stayS'), draw.log('riseS')];
      for (let day = 0; day < 7 * weeks; day += 1) {
        if (weekday !== null && day % 7 !== weekday) continue;
        const fromS = day * dayS + atHour * hourS + draw.even('jitterS');
        levels.raise(
          fromS,
          riseS + stayS,
          (sinceS) => base(fromS + sinceS) * (1 + (factor - 1) * Math.min(1, sinceS / riseS)),
        );
      }
    }
  },
});
