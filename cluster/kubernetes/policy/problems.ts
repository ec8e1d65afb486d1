/** Finds problems that prevent scaling a pool: a missing Deployment, a competing autoscaler or pool, forbidden access. */
import type { ModelPool } from '../../../contract/model-pool.ts';

export interface ProblemInputs {
  readonly pools: readonly {
    readonly name: string;
    readonly pool: ModelPool | null;
    readonly errors: readonly string[];
  }[];
  /** Names of the existing Deployments; null while they cannot be read. */
  readonly deployments: ReadonlySet<string> | null;
  readonly autoscalers: readonly {
    readonly kind: string;
    readonly name: string;
    readonly targetKind: string;
    readonly targetName: string;
  }[];
  /** Messages of forbidden reads, which affect all pools. */
  readonly forbidden: readonly string[];
  /** Message of a forbidden write, by pool. */
  readonly forbiddenWrites: ReadonlyMap<string, string>;
}

/** A ScaleProblem of cluster/scalable.ts. */
export interface Problem {
  readonly pool: string;
  readonly reason: 'InvalidSpec' | 'Forbidden' | 'TargetNotFound' | 'Conflict' | 'ModelConflict';
  readonly message: string;
}

export function scaleProblems(inputs: ProblemInputs): Problem[] {
  const found: Problem[] = [];
  const add = (pool: string, reason: Problem['reason'], message: string): unknown =>
    found.push({ pool, reason, message });
  const byTarget = new Map<string, string[]>();
  const byModel = new Map<string, string[]>();
  for (const { name, pool } of inputs.pools) {
    const target = pool?.spec.scaleTargetRef?.name;
    if (target !== undefined) append(byTarget, target, name);
    for (const model of pool?.spec.models ?? []) append(byModel, model, name);
  }
  for (const { name, pool, errors } of inputs.pools) {
    if (errors.length > 0) add(name, 'InvalidSpec', errors.join('; '));
    if (pool === null) continue;
    for (const model of pool.spec.models) {
      const others = byModel.get(model)!.filter((other) => other !== name);
      if (others.length > 0) add(name, 'ModelConflict', `model ${model} is also in ${pools(others)}`);
    }
    const target = pool.spec.scaleTargetRef?.name;
    if (target === undefined) continue;
    for (const message of inputs.forbidden) add(name, 'Forbidden', message);
    const write = inputs.forbiddenWrites.get(name);
    if (write !== undefined) add(name, 'Forbidden', write);
    if (inputs.deployments?.has(target) === false) add(name, 'TargetNotFound', `Deployment ${target} does not exist`);
    const others = byTarget.get(target)!.filter((other) => other !== name);
    if (others.length > 0) add(name, 'Conflict', `Deployment ${target} is also the target of ${pools(others)}`);
    const rivals = inputs.autoscalers.filter((one) => one.targetKind === 'Deployment' && one.targetName === target);
    for (const rival of rivals) {
      add(name, 'Conflict', `${rival.kind} ${rival.name} also resizes Deployment ${target}: delete it or this pool`);
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
