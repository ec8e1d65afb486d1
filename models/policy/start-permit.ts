/** Permission to load a version at the start of a pod, by the wish of its pool and by how earlier processes ended. Pure. */
import {
  includesVersion,
  isSameVersion,
  type VersionId,
  type VersionWish,
  type WishedModel,
} from '../../contract/model-versions.ts';

/** Version in a folder of the pod; without a hash where its files can't be read. */
export interface VersionHere extends VersionId {
  readonly name: string;
}

export interface StartConditions {
  /** Null where nobody has said anything. */
  readonly wish: VersionWish | null;
  /** Versions whose load ended an earlier process of the pod. */
  readonly suspects: readonly VersionHere[];
}

export type StartPermit =
  | { readonly kind: 'load' }
  /** Until the pool names it. */
  | { readonly kind: 'wait' }
  /** Until someone loads the model. */
  | { readonly kind: 'unloaded' }
  | { readonly kind: 'ban'; readonly reason: string };

/** Permits by version, in the order given. A pod that could load nothing at all tries what it only suspects. */
export function startPermits(versions: readonly VersionHere[], conditions: StartConditions): StartPermit[] {
  const permits = versions.map((one) => permitOf(one, conditions));
  if (permits.some(({ kind }) => kind === 'load')) return permits;
  return versions.map((one) => permitOf(one, { ...conditions, suspects: [] }));
}

function permitOf(one: VersionHere, { wish, suspects }: StartConditions): StartPermit {
  const model = wish?.models.find(({ name }) => name === one.name);
  if (model?.unloaded === true) return { kind: 'unloaded' };
  const banned = model?.banned.find((ban) => isSameVersion(ban, one));
  if (banned !== undefined) return { kind: 'ban', reason: banned.reason };
  const isProven = model !== undefined && includesVersion(provenOf(model), one);
  const isSuspect = suspects.some((suspect) => suspect.name === one.name && suspect.hash === one.hash);
  if (isSuspect && !isProven) return { kind: 'ban', reason: 'a process ended while it loaded this version' };
  // A model that the pool doesn't know, or of which nothing serves yet: there is nothing to protect.
  if (isProven || model === undefined || model.default === null) return { kind: 'load' };
  return includesVersion(model.tries ?? [], one) ? { kind: 'load' } : { kind: 'wait' };
}

/** Versions that some pod of the pool has had ready. */
export function provenOf({ default: byDefault, load }: WishedModel): readonly VersionId[] {
  return byDefault === null ? load : [byDefault, ...load];
}
