/**
 * Recurring spikes: three weeks of days, each with spikes at its hours, and with one more on one day of the week, each
 * some minutes early or late. Only a forecast by time of day and week can have pods ready for them.
 */
import { family } from './family.ts';
import { dayS, drawSpike, hourS, paintDays, spikyRanges, weeks, weeksLengthS, weeksStepMs } from './spiky-weeks.ts';

export const recurring = family({
  ranges: { ...spikyRanges, weekday: [0, 6], jitterS: [-60, 60] },
  lengthS: weeksLengthS,
  stepMs: weeksStepMs,
  shape(draw, levels) {
    const raise = paintDays(draw, levels);
    const daily = Math.round(draw.even('dailySpikes'));
    for (let spike = 0; spike <= daily; spike += 1) {
      const weekday = spike < daily ? null : Math.floor(draw.even('weekday'));
      const atHour = draw.even('spikeHour');
      const drawn = drawSpike(draw);
      for (let day = 0; day < 7 * weeks; day += 1) {
        if (weekday !== null && day % 7 !== weekday) continue;
        raise(day * dayS + atHour * hourS + draw.even('jitterS'), drawn);
      }
    }
  },
});
