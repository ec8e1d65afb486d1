/** Finds problems that prevent scaling a pool: a missing Deployment, a competing autoscaler or pool, forbidden access. */
import { byPrecedence, placeOf, settleClaims, targetOf, type Claimant } from './claims.ts';

export interface ProblemInputs {
  readonly pools: readonly (Claimant & { readonly errors: readonly string[] })[];
  /** Existing Deployments of all namespaces. */
  readonly deployments: readonly { readonly namespace: string; readonly name: string; readonly isSluice: boolean }[];
  /** Namespaces whose Deployments cannot be read. */
  readonly unreadNamespaces: readonly string[];
  readonly autoscalers: readonly {
    readonly kind: string;
    readonly name: string;
    readonly namespace: string;
    readonly targetKind: string;
    readonly targetName: string;
  }[];
  /** Forbidden reads, which affect all pools of the namespace. */
  readonly forbidden: readonly { readonly namespace: string; readonly message: string }[];
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
  const deployments = new Map(inputs.deployments.map((deployment) => [placeOf(deployment), deployment]));
  for (const claimant of byPrecedence(inputs.pools)) {
    const { name, namespace, pool, errors } = claimant;
    if (errors.length > 0) add(name, 'InvalidSpec', errors.join('; '));
    if (pool === null) continue;
    for (const model of pool.spec.models) {
      const owner = modelOwners.get(model)!;
      if (owner !== name) add(name, 'ModelConflict', `model ${model} belongs to pool ${owner}, which is older`);
    }
    const target = pool.spec.scaleTargetRef?.name;
    const place = targetOf(claimant);
    if (target === undefined || place === null) continue;
    for (const read of inputs.forbidden) if (read.namespace === namespace) add(name, 'Forbidden', read.message);
    const write = inputs.forbiddenWrites.get(name);
    if (write !== undefined) add(name, 'Forbidden', write);
    const deployment = deployments.get(place);
    if (deployment === undefined && !inputs.unreadNamespaces.includes(namespace))
      add(name, 'TargetNotFound', `Deployment ${target} does not exist`);
    if (deployment?.isSluice === true) {
      add(name, 'InvalidSpec', `/spec/scaleTargetRef/name: Deployment ${target} is a part of Sluice itself`);
    }
    const owner = deploymentOwners.get(place)!;
    if (owner !== name) add(name, 'Conflict', `Deployment ${target} belongs to pool ${owner}, which is older`);
    const rivals = inputs.autoscalers.filter(
      (one) => one.targetKind === 'Deployment' && one.targetName === target && one.namespace === namespace,
    );
    for (const rival of rivals) {
      add(name, 'Conflict', `${rival.kind} ${rival.name} also resizes Deployment ${target}: delete it or this pool`);
    }
  }
  return found;
}
