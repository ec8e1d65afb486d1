/** Finds problems that prevent scaling a pool: a missing Deployment, a competing autoscaler or pool, forbidden access. */
import { byPrecedence, settleClaims, type Claimant } from './claims.ts';

export interface ProblemInputs {
  readonly pools: readonly (Claimant & { readonly errors: readonly string[] })[];
  /** Existing Deployments by name; null while they cannot be read. */
  readonly deployments: ReadonlyMap<string, { readonly isSluice: boolean }> | null;
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
  const { modelOwners, deploymentOwners } = settleClaims(inputs.pools);
  for (const { name, pool, errors } of byPrecedence(inputs.pools)) {
    if (errors.length > 0) add(name, 'InvalidSpec', errors.join('; '));
    if (pool === null) continue;
    for (const model of pool.spec.models) {
      const owner = modelOwners.get(model)!;
      if (owner !== name) add(name, 'ModelConflict', `model ${model} belongs to pool ${owner}, which is older`);
    }
    const target = pool.spec.scaleTargetRef?.name;
    if (target === undefined) continue;
    for (const message of inputs.forbidden) add(name, 'Forbidden', message);
    const write = inputs.forbiddenWrites.get(name);
    if (write !== undefined) add(name, 'Forbidden', write);
    if (inputs.deployments?.has(target) === false) add(name, 'TargetNotFound', `Deployment ${target} does not exist`);
    if (inputs.deployments?.get(target)?.isSluice === true) {
      add(name, 'InvalidSpec', `/spec/scaleTargetRef/name: Deployment ${target} is a part of Sluice itself`);
    }
    const owner = deploymentOwners.get(target)!;
    if (owner !== name) add(name, 'Conflict', `Deployment ${target} belongs to pool ${owner}, which is older`);
    const rivals = inputs.autoscalers.filter((one) => one.targetKind === 'Deployment' && one.targetName === target);
    for (const rival of rivals) {
      add(name, 'Conflict', `${rival.kind} ${rival.name} also resizes Deployment ${target}: delete it or this pool`);
    }
  }
  return found;
}
