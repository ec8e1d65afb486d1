/** A published scenario: its name, how it measures, and the lines of its result. */
import { alternate } from '../rig/alternate.ts';
import type { Spread } from '../../load-test/spread.ts';
import type { Goal } from '../rig/goal.ts';
import type { LoadGenerator } from '../rig/load.ts';
import { measureTarget, type Measurement, type LoadSample } from '../rig/measure.ts';
import type { Cleanup } from '../rig/cleanup.ts';

export interface BenchScenario {
  /** Name of its file in bench/results, and for --only. */
  readonly name: string;
  readonly title: string;
  /** Method of the measurement, for readers of the numbers. */
  readonly how: string;
  readonly run: (bench: ScenarioContext) => Promise<ScenarioResult>;
}

export interface ScenarioContext {
  /** Whether to be quick: under two minutes for all scenarios together, with more noise. */
  readonly quick: boolean;
  readonly load: LoadGenerator;
  readonly cleanup: Cleanup;
  readonly say: (what: string) => void;
}

export interface ResultLine {
  readonly what: string;
  readonly value: Spread;
  /** Unit of the value; '' for a ratio or a count. */
  readonly unit: '' | 'ms' | 's' | 'µs' | 'MiB';
  /** Goal of the value; null for a number without one. */
  readonly goal: Goal | null;
  /** Figures that the value is made of, and what a reader needs to judge it. */
  readonly beside: string;
}

export interface ScenarioResult {
  readonly lines: readonly ResultLine[];
  /** Number and length of the rounds, in words. */
  readonly repeats: string;
  /** Remarks on what prevents a goal, or on the machine's influence. */
  readonly remarks?: readonly string[];
}

export interface Turns {
  readonly rounds: number;
  /** Requests to each side in each round: the same work, however busy the machine is. */
  readonly requests: number;
}

export function turns({ quick }: ScenarioContext, full: Turns): Turns {
  return quick ? { rounds: Math.min(3, full.rounds), requests: Math.min(1_000, full.requests) } : full;
}

/** Loads each side once as a warm-up, then all sides in turns. */
export async function loadInTurns<Name extends string>(
  { load, say }: ScenarioContext,
  sides: Readonly<Record<Name, Omit<Measurement, 'amount'>>>,
  { rounds, requests }: Turns,
): Promise<Record<Name, LoadSample[]>> {
  const rounded = {} as Record<Name, () => Promise<LoadSample>>;
  for (const [name, side] of Object.entries(sides) as [Name, Omit<Measurement, 'amount'>][]) {
    say(`  ${side.workload.model}, ${side.connections} connections: ${name}`);
    rounded[name] = () => measureTarget(load, { ...side, amount: { requests } });
    await rounded[name]();
  }
  return alternate(rounded, rounds);
}

export function turnsText({ rounds, requests }: Turns): string {
  return `${rounds} rounds in turns, ${requests} requests to each side.`;
}
