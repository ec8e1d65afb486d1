/** Why a pool can't be scaled: what it names is not there, somebody else resizes it, or the API server forbids to look. */
import type { ModelPool } from '../../../contract/model-pool.ts';

export interface Known {
  readonly pools: readonly {
    readonly name: string;
    readonly pool: ModelPool | null;
    readonly errors: readonly string[];
  }[];
  /** Names of the Deployments that exist; null while they can't be read. */
  readonly deployments: ReadonlySet<string> | null;
  readonly autoscalers: readonly {
    readonly kind: string;
    readonly name: string;
    readonly targetKind: string;
    readonly targetName: string;
  }[];
  /** What the API server forbids to read, in its words: of no pool it is known how it stands. */
  readonly forbidden: readonly string[];
  /** By pool: a write for it that it forbade. */
  readonly forbiddenWrites: ReadonlyMap<string, string>;
}

/** In the form of the port to the scaler. */
export interface Problem {
  readonly pool: string;
  readonly reason: 'InvalidSpec' | 'Forbidden' | 'TargetNotFound' | 'Conflict' | 'ModelConflict';
  readonly message: string;
}

export function problemsOf(known: Known): Problem[] {
  const found: Problem[] = [];
  const say = (pool: string, reason: Problem['reason'], message: string): unknown =>
    found.push({ pool, reason, message });
  const byTarget = new Map<string, string[]>();
  const byModel = new Map<string, string[]>();
  for (const { name, pool } of known.pools) {
    const target = pool?.spec.scaleTargetRef?.name;
    if (target !== undefined) append(byTarget, target, name);
    for (const model of pool?.spec.models ?? []) append(byModel, model, name);
  }
  for (const { name, pool, errors } of known.pools) {
    if (errors.length > 0) say(name, 'InvalidSpec', errors.join('; '));
    if (pool === null) continue;
    for (const model of pool.spec.models) {
      const others = byModel.get(model)!.filter((other) => other !== name);
      if (others.length > 0) say(name, 'ModelConflict', `model ${model} is in ${pools(others)} too`);
    }
    const target = pool.spec.scaleTargetRef?.name;
    if (target === undefined) continue;
    for (const message of known.forbidden) say(name, 'Forbidden', message);
    const write = known.forbiddenWrites.get(name);
    if (write !== undefined) say(name, 'Forbidden', write);
    if (known.deployments?.has(target) === false) say(name, 'TargetNotFound', `there is no Deployment ${target}`);
    const others = byTarget.get(target)!.filter((other) => other !== name);
    if (others.length > 0) say(name, 'Conflict', `Deployment ${target} is the target of ${pools(others)} too`);
    const rivals = known.autoscalers.filter((one) => one.targetKind === 'Deployment' && one.targetName === target);
    for (const rival of rivals) {
      say(name, 'Conflict', `${rival.kind} ${rival.name} resizes Deployment ${target} too: delete it, or this pool`);
    }
  }
  return found;
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  map.set(key, [...(map.get(key) ?? []), value]);
}

function pools(names: readonly string[]): string {
  return `${names.length === 1 ? 'pool' : 'pools'} ${names.join(', ')}`;
}
