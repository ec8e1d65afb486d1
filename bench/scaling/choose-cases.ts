/** The cases that somebody asks for by lists on the command line; all of them without. */
import { coldStartsS, meansPods, sharedTraces, type Case } from './cases.ts';

export interface Chosen {
  readonly traces?: string | undefined;
  readonly means?: string | undefined;
  readonly 'cold-starts'?: string | undefined;
}

/** @throws RangeError naming the option and the value */
export function casesOf(chosen: Chosen): Case[] {
  const traces = pick('traces', chosen.traces, sharedTraces);
  const means = pick('means', chosen.means, meansPods);
  const coldStarts = pick('cold-starts', chosen['cold-starts'], coldStartsS);
  return traces.flatMap((trace) =>
    means.flatMap((meanPods) => coldStarts.map((coldStartS) => ({ trace, meanPods, coldStartS }))),
  );
}

function pick<T extends string | number>(option: string, list: string | undefined, all: readonly T[]): readonly T[] {
  if (list === undefined) return all;
  return list.split(',').map((part) => {
    const value = all.find((one) => String(one) === part.trim());
    if (value === undefined) throw new RangeError(`--${option} must be of ${all.join(', ')}, was: "${part}"`);
    return value;
  });
}
