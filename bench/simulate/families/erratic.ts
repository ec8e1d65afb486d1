/**
 * Erratic spikes: three weeks of days like those of `recurring`, whose spikes come at random hours, so that nothing recurs.
 * A forecast by time of day and week can only cost here.
 */
import { family } from './family.ts';
import { dayS, drawSpike, hourS, paintDays, spikyRanges, weeks, weeksLengthS, weeksStepMs } from './spiky-weeks.ts';

export const erratic = family({
  ranges: spikyRanges,
  lengthS: weeksLengthS,
  stepMs: weeksStepMs,
  shape(draw, levels) {
    const raise = paintDays(draw, levels);
    const daily = Math.round(draw.even('dailySpikes'));
    for (let spike = 0; spike < daily * 7 * weeks; spike += 1) {
      const fromS = Math.floor(spike / daily) * dayS + draw.even('spikeHour') * hourS;
      raise(fromS, drawSpike(draw));
    }
  },
});
