/**
 * Weeks of swinging days with spikes on top: what `recurring` and `erratic` have in common. When a spike comes is theirs to draw; here
 * are the ranges that both draw from, the days under the spikes, and the shape of one spike.
 */
import type { Draw } from './draw.ts';
import type { Levels } from './family.ts';

export const hourS = 3600;
export const dayS = 24 * hourS;
export const weeks = 3;
export const weeksLengthS = [weeks * 7 * dayS, weeks * 7 * dayS] as const;
export const weeksStepMs = 10_000;

export const spikyRanges = {
  swing: [0.1, 0.5],
  peakHour: [10, 18],
  dailySpikes: [1, 3],
  spikeHour: [0, 23],
  factor: [3, 8],
  stayS: [120, 1800],
  riseS: [10, 60],
} as const;

type SpikyDraw = Pick<Draw<typeof spikyRanges>, 'even' | 'log'>;

/** Height and length of one spike. */
export interface Spike {
  readonly factor: number;
  readonly stayS: number;
  readonly riseS: number;
}

export function drawSpike(draw: SpikyDraw): Spike {
  return { factor: draw.log('factor'), stayS: draw.log('stayS'), riseS: draw.log('riseS') };
}

/** Paints the days. @returns a function that raises a spike which begins at a time */
export function paintDays(draw: SpikyDraw, levels: Levels): (fromS: number, spike: Spike) => void {
  const [swing, peakHour] = [draw.even('swing'), draw.even('peakHour')];
  const base = (atS: number): number => 1 + swing * Math.cos((2 * Math.PI * (atS - peakHour * hourS)) / dayS);
  levels.fill(base);
  return (fromS, { factor, stayS, riseS }) => {
    levels.raise(
      fromS,
      riseS + stayS,
      (sinceS) => base(fromS + sinceS) * (1 + (factor - 1) * Math.min(1, sinceS / riseS)),
    );
  };
}
