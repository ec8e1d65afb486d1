/** Sensitivity of the policy: what misses and costs become when one of its constants is half as large, or half as large again. */
import { podRequestsPerSecond } from '../../simulate/capacity.ts';
import { drawnCases, type Case } from './cases.ts';
import type { Contender, Job, Result } from './contenders.ts';
import type { Constant } from './variants.ts';

export const factors = [0.5, 1.5] as const;

/** Change of the means over cases. */
export interface Effect {
  /** Misses, points. */
  readonly points: number;
  /** Pod-seconds ÷ those of the policy as it is. */
  readonly ratio: number;
}

export interface Sensitivity {
  readonly constant: Constant;
  /** Effects by factor. */
  readonly effects: readonly Effect[];
}

/** Requests of a case up to which it is simulated: each is simulated some eighty times. */
const mostRequests = 120_000;
/** Changes below which a constant is said to have no effect, and above which the result hangs on it steeply. */
const none = { points: 0.0005, ratio: 0.0001 } as const;
const steep = { points: 0.3, ratio: 0.05 } as const;

/** The first small cases of each family that a seed draws. */
export function smallCases(seed: number, perFamily: number): Case[] {
  const counts = new Map<string, number>();
  return drawnCases(seed, 400).filter((of) => {
    if (of.source.kind !== 'family') return false;
    const { family, lengthS } = of.source;
    const count = counts.get(family) ?? 0;
    if (count >= perFamily || of.meanPods * podRequestsPerSecond({ ...of, maxRows: 64 }) * lengthS > mostRequests)
      return false;
    counts.set(family, count + 1);
    return true;
  });
}

export async function sensitivities(
  cases: readonly Case[],
  constants: readonly Constant[],
  run: (jobs: readonly Job[]) => Promise<Result[]>,
): Promise<Sensitivity[]> {
  const contenders: Contender[] = [
    { kind: 'sluice' },
    ...constants.flatMap((constant) =>
      factors.map((factor): Contender => ({ kind: 'variant', variant: { ...constant, factor } })),
    ),
  ];
  // All contenders of a case in turn, so that its traffic is made once.
  const results = await run(cases.flatMap((of) => contenders.map((contender) => ({ of, contender }))));
  const of = (index: number): Result[] => cases.map((_, at) => results[at * contenders.length + index]!);
  const base = of(0);
  return constants.map((constant, at) => ({
    constant,
    effects: factors.map((_, factor) => effectOf(of(1 + factors.length * at + factor), base)),
  }));
}

export function effectOf(changed: readonly Result[], base: readonly Result[]): Effect {
  const mean = (of: (one: Result, as: Result) => number): number =>
    changed.reduce((sum, one, index) => sum + of(one, base[index]!), 0) / changed.length;
  return {
    points: mean((one, as) => one.violationPercent - as.violationPercent),
    ratio: mean((one, as) => one.podSeconds / as.podSeconds),
  };
}

export function verdictOf(effects: readonly Effect[]): 'none' | 'steep' | '' {
  const beyond = (limit: Effect): boolean =>
    effects.some(({ points, ratio }) => Math.abs(points) > limit.points || Math.abs(ratio - 1) > limit.ratio);
  if (beyond(steep)) return 'steep';
  return beyond(none) ? '' : 'none';
}

export function sensitivityPage(
  all: readonly Sensitivity[],
  run: { readonly command: string; readonly hash: string; readonly cases: number },
): string {
  const cell = ({ points, ratio }: Effect): string =>
    `${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(3)} · ${ratio.toFixed(3)}`;
  const rows = all.map(({ constant: { file, name }, effects }) =>
    [`\`${name}\``, file.replace('scaler/policy/', ''), ...effects.map(cell), verdictOf(effects)].join(' | '),
  );
  return `# Sensitivity of the scaling policy

\`${run.command}\` makes this page, in virtual time: the same numbers on every machine.

Each constant of the policy at half its value, and at half as much again: change of the misses in points, and pod-seconds ÷ those of the policy as it is,
means over ${run.cases} cases drawn from the policy's hash, \`${run.hash.slice(0, 16)}\`: the first small ones of each family of traces. *Steep*: by more than
${steep.points} points or ${100 * steep.ratio}%; *none*: by less than 0.0005 points and 0.01%. What each constant is for is told in [The scaling algorithm](../../docs/scaling-algorithm.md).
Constants about missing reports, foreign writes and rushes that recur by day are not in the table: nothing in these cases meets them.

| constant | file | −50% | +50% | |
| --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row} |`).join('\n')}
`;
}
