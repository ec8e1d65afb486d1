/** What a published scenario is: a name, how it measures, and lines of numbers that it answers for. */
import { alternate } from '../rig/alternate.ts';
import type { Spread } from '../../load-test/spread.ts';
import type { Goal } from '../rig/goal.ts';
import type { LoadGenerator } from '../rig/load.ts';
import { measure, type Measurement, type LoadSample } from '../rig/measure.ts';
import type { Cleanup } from '../rig/cleanup.ts';

export interface BenchScenario {
  /** Of its file in bench/results, and for --only. */
  readonly name: string;
  readonly title: string;
  /** How it is measured, for a reader who wants to know what a number means. */
  readonly how: string;
  readonly run: (bench: ScenarioContext) => Promise<ScenarioResult>;
}

export interface ScenarioContext {
  /** In under two minutes for all scenarios together, with more noise. */
  readonly quick: boolean;
  readonly load: LoadGenerator;
  readonly cleanup: Cleanup;
  readonly say: (what: string) => void;
}

export interface ResultLine {
  readonly what: string;
  readonly value: Spread;
  /** '' of a ratio or a count. */
  readonly unit: '' | 'ms' | 's' | 'µs' | 'MiB';
  /** Null of a number that is shown for itself. */
  readonly goal: Goal | null;
  /** The figures that the number is made of, and what a reader needs to doubt it. */
  readonly beside: string;
}

export interface ScenarioResult {
  readonly lines: readonly ResultLine[];
  /** Rounds in turns, of what length. */
  readonly repeats: string;
  /** What stands in the way of a goal, or what the machine did to a number. */
  readonly remarks?: readonly string[];
}

export interface Turns {
  readonly rounds: number;
  /** To each side in each round: the same work, however busy the machine is. */
  readonly requests: number;
}

export function turns({ quick }: ScenarioContext, full: Turns): Turns {
  return quick ? { rounds: Math.min(3, full.rounds), requests: Math.min(1_000, full.requests) } : full;
}

/** Each side under load once for warmth, then all in turns. */
export async function loadInTurns<Name extends string>(
  { load, say }: ScenarioContext,
  sides: Readonly<Record<Name, Omit<Measurement, 'amount'>>>,
  { rounds, requests }: Turns,
): Promise<Record<Name, LoadSample[]>> {
  const rounded = {} as Record<Name, () => Promise<LoadSample>>;
  for (const [name, side] of Object.entries(sides) as [Name, Omit<Measurement, 'amount'>][]) {
    say(`  ${side.workload.model}, ${side.connections} connections: ${name}`);
    rounded[name] = () => measure(load, { ...side, amount: { requests } });
    await rounded[name]();
  }
  return alternate(rounded, rounds);
}

export function turnsText({ rounds, requests }: Turns): string {
  return `${rounds} rounds in turns, ${requests} requests to each side.`;
}
