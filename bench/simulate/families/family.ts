/** Parts of a family of traces: ranges of parameters, and a shape that is drawn from them. */
import type { Draw, Ranges } from './draw.ts';

export interface Family<Of extends Ranges = Ranges> {
  /** Ranges of the parameters; names end in their unit. */
  readonly ranges: Of;
  /** Length of a trace, seconds, drawn by `familyTrace`; curves of days and weeks have a coarser step. */
  readonly lengthS: readonly [least: number, most: number];
  readonly stepMs: number;
  /** Relative rates by step, of any mean. */
  shape(draw: Draw<Of>, levels: Levels): void;
}

/** Relative rates by step, painted by a family's shape. */
export class Levels {
  readonly stepS: number;
  readonly values: Float64Array;

  constructor(steps: number, stepMs: number) {
    this.stepS = stepMs / 1000;
    this.values = new Float64Array(steps);
  }

  get lengthS(): number {
    return this.values.length * this.stepS;
  }

  /** Sets each step's level by its time. */
  fill(level: (atS: number) => number): void {
    for (let step = 0; step < this.values.length; step += 1) this.values[step] = level(step * this.stepS);
  }

  /** Raises the steps of a stretch to a level by the time since its start, where they are lower. */
  raise(fromS: number, forS: number, level: (sinceS: number) => number): void {
    const first = Math.max(0, Math.round(fromS / this.stepS));
    const end = Math.min(this.values.length, Math.round((fromS + forS) / this.stepS));
    for (let step = first; step < end; step += 1) {
      this.values[step] = Math.max(this.values[step]!, level((step - first) * this.stepS));
    }
  }
}

/** Family whose shape knows the names of its own ranges. */
export function family<const Of extends Ranges>(of: Family<Of>): Family<Of> {
  return of;
}

/** Stretch of 20 to 60 minutes: long against any start-up time and against what a policy remembers. */
export const usualLengthS = [1200, 3600] as const;
export const fineStepMs = 100;
