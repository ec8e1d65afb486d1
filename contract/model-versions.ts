/**
 * Versions of models as a state of the pool. A version is a number with a hash of its content, since a folder may be filled anew
 * under the same number. The scaler's leader decides which one answers requests that name none, writes it to the pool's status, and
 * tells pods by `POST /v2/repository/versions`; gateways resolve by it.
 */
import Type from 'typebox';

/** SHA-256 over the files of a version, in hexadecimal. */
export const ContentHash = Type.String({ pattern: '^[0-9a-f]{16,64}$' });

/** Where a version stands at a pod. */
export const VersionState = Type.Enum(['found', 'loading', 'ready', 'failed', 'banned']);
export type VersionState = Type.Static<typeof VersionState>;

const VersionNumber = Type.String({ pattern: '^[0-9]{1,100}$' });
const Reason = Type.String({ maxLength: 1_000 });

export const VersionId = Type.Object({
  version: VersionNumber,
  /** Absent where the pods are too old to say. */
  hash: Type.Optional(ContentHash),
});
export type VersionId = Type.Static<typeof VersionId>;

export const BannedVersion = Type.Object({ version: VersionNumber, hash: ContentHash, reason: Reason });
export type BannedVersion = Type.Static<typeof BannedVersion>;

/** Reason of a version that is out by a person's word. */
export const unloadedReason = 'unloaded by request';

/** Most versions of one model, and models of one pool, that a status or a wish may list. */
export const maxListedVersions = 100;
export const maxListedModels = 1_000;

/** State of a version in the pool, where it is anything but ready at each pod that has it. */
export const UnsettledVersion = Type.Object({
  version: VersionNumber,
  hash: Type.Optional(ContentHash),
  /** Worst state at any pod. */
  state: VersionState,
  /** Human-readable reason, in a pod's words. */
  reason: Type.Optional(Reason),
  /**
   * Most memory of a pod, in bytes, in which it is banned: one that has more may try it. Absent where memory was not the cause, or no
   * limit is known.
   */
  limitBytes: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type UnsettledVersion = Type.Static<typeof UnsettledVersion>;

/** Element of `status.models` of a ModelPool. */
export const PoolModel = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 128 }),
  /** Version that answers requests which name none. */
  version: VersionNumber,
  hash: Type.Optional(ContentHash),
  /** Number of this default: it grows with each switch. */
  generation: Type.Integer({ minimum: 0 }),
  /**
   * Whether some pods that serve have only other versions, as in a rollout whose images drop the old one. All of them answer then,
   * each by its own.
   */
  skewed: Type.Optional(Type.Boolean()),
  /** Versions that some pod has had ready, and a new pod may load without a trial. */
  proven: Type.Optional(Type.Array(VersionId, { maxItems: maxListedVersions })),
  /** Whether someone has unloaded it: requests for it are refused until someone loads it, or the scaler starts again. */
  unloaded: Type.Optional(Type.Boolean()),
  unsettled: Type.Optional(Type.Array(UnsettledVersion, { maxItems: maxListedVersions })),
});
export type PoolModel = Type.Static<typeof PoolModel>;

/** Versions of one model that the pool wants at one pod. */
export const WishedModel = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 128 }),
  /** Version that answers requests which name none; null before any was ready. */
  default: Type.Union([VersionId, Type.Null()]),
  /** Proven versions that this pod may load now. A version that stands nowhere in the wish waits. */
  load: Type.Array(VersionId, { maxItems: maxListedVersions }),
  /** Versions that this pod is to try, before any other does. */
  tries: Type.Optional(Type.Array(VersionId, { maxItems: maxListedVersions })),
  /** Versions that must not be loaded: a load of them ended a process. */
  banned: Type.Array(BannedVersion, { maxItems: maxListedVersions }),
  /** Whether all versions of it are to be taken out, and none loaded: someone has unloaded the model. */
  unloaded: Type.Optional(Type.Boolean()),
});
export type WishedModel = Type.Static<typeof WishedModel>;

/** Body of `POST /v2/repository/versions`, which is answered with the pod's status. */
export const VersionWish = Type.Object({
  /** Number of the scalers' leader; a wish of an earlier leader is ignored. */
  term: Type.Integer({ minimum: 0 }),
  /** Number of the wish within the term; an earlier one is ignored. */
  generation: Type.Integer({ minimum: 0 }),
  models: Type.Array(WishedModel, { maxItems: maxListedModels }),
});
export type VersionWish = Type.Static<typeof VersionWish>;

/** Whether two names mean the same content: by hash where both have one, by number else. */
export function isSameVersion(one: VersionId, other: VersionId): boolean {
  return one.version === other.version && isSameHash(one.hash, other.hash);
}

/** Whether two hashes name the same content, as far as both are known. */
export function isSameHash(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}

/** The number and hash of a version alone. */
export function versionIdOf({ version, hash }: VersionId): VersionId {
  return hash === undefined ? { version } : { version, hash };
}

export function includesVersion(ids: readonly VersionId[], id: VersionId): boolean {
  return ids.some((one) => isSameVersion(one, id));
}

/** Whether a version was tried and stays out until its files change. */
export function staysOut({ state }: { readonly state?: VersionState }): boolean {
  return state === 'failed' || state === 'banned';
}

/** Order of two versions by their numbers, which may have a hundred digits. */
export function byNumber(one: string, other: string): number {
  const [a, b] = [BigInt(one), BigInt(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Name of a version of a model, as the key of a map. */
export function versionKey({ name, version }: { readonly name: string; readonly version: string }): string {
  return JSON.stringify([name, version]);
}
