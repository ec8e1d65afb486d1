/**
 * Owner of each model and each Deployment that pools claim: the oldest pool, and of equally old ones the first by name. Gateways
 * serve a model under one name, so its claim counts across all namespaces; a Deployment lies in the namespace of its pools. The rule needs no memory, so that all gateways and scalers agree, restarts included. A claim is lost alone: the pool
 * keeps its others.
 */
import type { ModelPool } from '../../../contract/model-pool.ts';

export interface Claimant {
  readonly name: string;
  readonly namespace: string;
  /** Wall-clock time at which the pool was created, in milliseconds; 0 if unknown. */
  readonly createdAtMs: number;
  /** Last valid spec; null before the first, which claims nothing. */
  readonly pool: ModelPool | null;
}

export interface Claims {
  /** Name of the pool that has the model. */
  readonly modelOwners: ReadonlyMap<string, string>;
  /** Name of the pool that has the Deployment, by `placeOf`. */
  readonly deploymentOwners: ReadonlyMap<string, string>;
}

/** Claimants in the order in which their claims count: by age, then by name. */
export function byPrecedence<T extends Claimant>(claimants: Iterable<T>): T[] {
  return [...claimants].sort((a, b) => a.createdAtMs - b.createdAtMs || (a.name < b.name ? -1 : 1));
}

export function settleClaims(claimants: Iterable<Claimant>): Claims {
  const modelOwners = new Map<string, string>();
  const deploymentOwners = new Map<string, string>();
  for (const claimant of byPrecedence(claimants)) {
    const { name, pool } = claimant;
    if (pool === null) continue;
    for (const model of pool.spec.models) if (!modelOwners.has(model)) modelOwners.set(model, name);
    const target = targetOf(claimant);
    if (target !== null && !deploymentOwners.has(target)) deploymentOwners.set(target, name);
  }
  return { modelOwners, deploymentOwners };
}

/** Whether the pool has the Deployment that it names. A pool of `endpoints` names none. */
export function ownsDeployment({ deploymentOwners }: Claims, claimant: Claimant): boolean {
  const target = targetOf(claimant);
  return target !== null && deploymentOwners.get(target) === claimant.name;
}

/** Deployment of a pool, by `placeOf`; null for a pool without one. */
export function targetOf({ namespace, pool }: Claimant): string | null {
  const name = pool?.spec.scaleTargetRef?.name;
  return name === undefined ? null : placeOf({ namespace, name });
}

/** Key of an object among those of all namespaces. */
export function placeOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
