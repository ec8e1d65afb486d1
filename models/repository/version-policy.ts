/** Version policy of a model: which of the versions in its folder a pod keeps loaded. Pure. */
import { byNumber } from '../../contract/model-versions.ts';
import type { ModelConfig } from './model-config.ts';

export type VersionPolicy = NonNullable<ModelConfig['versionPolicy']>;

export interface KnownVersions {
  /** Versions that the folder holds. */
  readonly present: readonly string[];
  /** Versions that could not be loaded: an older one takes the place of such a version. */
  readonly failed: ReadonlySet<string>;
  /** Versions that serve requests without a version, and stay whatever the policy says. */
  readonly inUse: readonly string[];
}

/** @returns versions that are to be loaded, by ascending number */
export function wantedVersions(
  policy: VersionPolicy | undefined,
  { present, failed, inUse }: KnownVersions,
): readonly string[] {
  const ascending = present.toSorted(byNumber);
  const kept = ascending.filter((version) => inUse.includes(version));
  return ascending.filter((version) => kept.includes(version) || chosen().has(version));

  function chosen(): ReadonlySet<string> {
    if (policy === undefined || policy === 'all') return new Set(ascending);
    if ('specific' in policy) {
      const named = new Set(policy.specific.map((version) => BigInt(version)));
      return new Set(ascending.filter((version) => named.has(BigInt(version))));
    }
    const usable = ascending.filter((version) => !failed.has(version));
    // Failed ones that are newer are tried again once their files change, so they count as wanted too.
    const oldest = usable.at(-policy.latest) ?? usable[0] ?? ascending.at(-policy.latest) ?? ascending[0];
    return new Set(oldest === undefined ? [] : ascending.filter((version) => byNumber(version, oldest) >= 0));
  }
}

/** Problem of a policy that names versions, none of which is there; null without one. */
export function policyProblem(policy: VersionPolicy | undefined, present: readonly string[]): string | null {
  if (policy === undefined || policy === 'all' || !('specific' in policy)) return null;
  if (wantedVersions(policy, { present, failed: new Set(), inUse: [] }).length > 0) return null;
  const versions = policy.specific.join(', ');
  return `config.yaml: /versionPolicy/specific: there is none of ${versions}, only ${present.join(', ')}`;
}
