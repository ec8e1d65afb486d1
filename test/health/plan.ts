/**
 * Course of a health run by its seed: phases of load for each traffic, spikes, silences, versions and rolling replacements. All of it
 * is within what the pools carry, so that nothing may be red. Pure, and starts nothing.
 */
import { Chance } from '../fuzz/chance.ts';

/** Streams of requests, each for one model. `rare` is for a pool that scales to zero. */
export const traffics = ['language', 'sums', 'times', 'rare'] as const;
export type Traffic = (typeof traffics)[number];

export type PhaseKind = 'steady' | 'ramp' | 'step' | 'silence';

export interface Phase {
  readonly kind: PhaseKind;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Requests/s at its beginning and at its end. */
  readonly fromPerS: number;
  readonly toPerS: number;
}

export interface Happening {
  readonly atMs: number;
  /** `spike`: requests at once; `version`: one is added to the repository; `rollout`: pods are replaced one after the other. */
  readonly kind: 'spike' | 'version' | 'rollout';
  readonly traffic: Traffic;
  /** Requests of a spike, number of a version, or number of the rollout. */
  readonly number: number;
}

export interface Plan {
  readonly endMs: number;
  readonly phases: Readonly<Record<Traffic, readonly Phase[]>>;
  readonly happenings: readonly Happening[];
}

/**
 * Requests/s that a step may come to while a pool has as few pods as it ever has, that a ramp may come to, and requests of a spike.
 * A pod carries 36 `sums` a second by its sleeping model (8 rows in 220 ms), and its pool has at least two.
 */
const limits: Readonly<Record<Traffic, { readonly step: number; readonly ramp: number; readonly spike: number }>> = {
  language: { step: 12, ramp: 15, spike: 20 },
  sums: { step: 40, ramp: 140, spike: 24 },
  times: { step: 4, ramp: 6, spike: 10 },
  rare: { step: 2, ramp: 3, spike: 5 },
};

const minuteMs = 60_000;
const silenceEveryMs = 6 * minuteMs;
const versionEveryMs = 4 * minuteMs;
const rolloutEveryMs = 7 * minuteMs;
const spikeEveryMs = 1.5 * minuteMs;

export function planOf(seed: number, minutes: number): Plan {
  const endMs = minutes * minuteMs;
  const silences = silencesOf(new Chance(seed, 1), endMs);
  const phasesOf = (traffic: Traffic, index: number): Phase[] => {
    const chance = new Chance(seed, 100 + index);
    const busy = loud(endMs, silences).flatMap(([fromMs, untilMs]) => course(chance, traffic, fromMs, untilMs));
    const silent = silences.map(([fromMs, untilMs]) => ({
      kind: 'silence' as const,
      fromMs,
      untilMs,
      fromPerS: 0,
      toPerS: 0,
    }));
    return [...busy, ...silent].toSorted((one, other) => one.fromMs - other.fromMs);
  };
  const [language, sums, times, rare] = traffics.map(phasesOf);
  const spikes = moments(new Chance(seed, 2), endMs, spikeEveryMs).map((atMs, index): Happening => {
    const chance = new Chance(seed, 1_000 + index);
    const traffic = chance.pick(traffics);
    return { atMs, kind: 'spike', traffic, number: chance.between(3, limits[traffic].spike) };
  });
  const versions = moments(new Chance(seed, 3), endMs, versionEveryMs).map((atMs, index): Happening => ({
    atMs,
    kind: 'version',
    traffic: 'times',
    number: index + 2,
  }));
  const rollouts = moments(new Chance(seed, 4), endMs, rolloutEveryMs).map((atMs, index): Happening => ({
    atMs,
    kind: 'rollout',
    traffic: 'sums',
    number: index + 1,
  }));
  const isLoud = ({ atMs }: Happening): boolean =>
    !silences.some(([fromMs, untilMs]) => atMs >= fromMs && atMs < untilMs);
  const happenings = [...spikes.filter(isLoud), ...versions, ...rollouts].toSorted(
    (one, other) => one.atMs - other.atMs,
  );
  return { endMs, phases: { language: language!, sums: sums!, times: times!, rare: rare! }, happenings };
}

/** Requests/s of a traffic at a moment. */
export function rateAt({ phases }: Plan, traffic: Traffic, atMs: number): number {
  const phase = phases[traffic].find(({ fromMs, untilMs }) => atMs >= fromMs && atMs < untilMs);
  if (phase === undefined) return 0;
  const share = (atMs - phase.fromMs) / (phase.untilMs - phase.fromMs);
  return phase.fromPerS + share * (phase.toPerS - phase.fromPerS);
}

type Span = readonly [fromMs: number, untilMs: number];

/** Times at which nobody asks for anything: long enough that the rare pool goes to zero, a sixth of a short run. */
function silencesOf(chance: Chance, endMs: number): Span[] {
  return moments(chance, endMs, silenceEveryMs).map((atMs) => {
    const lengthMs = Math.min(chance.between(60_000, 80_000), endMs / 6);
    return [atMs, Math.min(endMs, atMs + lengthMs)];
  });
}

/** One moment in the middle of each stretch of the run. */
function moments(chance: Chance, endMs: number, everyMs: number): number[] {
  const count = Math.max(1, Math.floor(endMs / everyMs));
  const stretchMs = endMs / count;
  return Array.from({ length: count }, (_, index) =>
    Math.round(stretchMs * (index + 0.3 + (0.4 * chance.int(1_000)) / 1_000)),
  );
}

function loud(endMs: number, silences: readonly Span[]): Span[] {
  const edges = [0, ...silences.flat(), endMs];
  return Array.from({ length: edges.length / 2 }, (_, index) => [edges[2 * index]!, edges[2 * index + 1]!]);
}

/** Phases one after the other, each of which goes on from the rate of the one before. */
function course(chance: Chance, traffic: Traffic, fromMs: number, untilMs: number): Phase[] {
  const { step, ramp } = limits[traffic];
  const phases: Phase[] = [];
  let perS = chance.between(1, Math.max(1, Math.floor(step / 3)));
  for (let atMs = fromMs; atMs < untilMs;) {
    const kind = phases.length === 0 ? 'steady' : chance.pick(['steady', 'ramp', 'ramp', 'step', 'step'] as const);
    // A ramp is so slow that pods can start meanwhile.
    const endMs = Math.min(untilMs, atMs + chance.between(kind === 'ramp' ? 60_000 : 20_000, 90_000));
    const toPerS = kind === 'steady' ? perS : kind === 'step' ? chance.between(0, step) : chance.between(1, ramp);
    const isCut = kind === 'ramp' && endMs - atMs < 60_000;
    const steady = kind === 'steady' || isCut;
    phases.push({
      kind: steady ? 'steady' : kind,
      fromMs: atMs,
      untilMs: endMs,
      fromPerS: kind === 'ramp' || steady ? perS : toPerS,
      toPerS: steady ? perS : toPerS,
    });
    perS = phases.at(-1)!.toPerS;
    atMs = endMs;
  }
  return phases;
}
