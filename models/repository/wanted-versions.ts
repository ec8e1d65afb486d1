/**
 * Versions that each model's policy wants, by its config.yaml or config.pbtxt as it stands in the repository. Reads the files of a
 * model again when they have changed, and loads nothing; the arithmetic is in version-policy.ts.
 */
import { SluiceError } from '../../contract/errors.ts';
import { staysOut } from '../../contract/model-versions.ts';
import type { ModelFolder } from './repository.ts';
import { servedConfig } from './served-config.ts';
import type { ModelSet } from './model-set.ts';
import { policyProblem, wantedVersions, type VersionPolicy } from './version-policy.ts';

interface Policy {
  readonly policy: VersionPolicy | undefined;
  /** Version that the files name as the default; null for none. */
  readonly named: string | null;
}

export class WantedVersions {
  readonly #models: ModelSet;
  readonly #readFolder: (name: string) => Promise<ModelFolder>;
  readonly #policies = new Map<string, Policy & { readonly beside: string }>();

  constructor(models: ModelSet, readFolder: (name: string) => Promise<ModelFolder>) {
    this.#models = models;
    this.#readFolder = readFolder;
  }

  /** Versions wanted of those in a folder, by ascending number. @throws Error where its files can't be used */
  in(folder: ModelFolder): readonly string[] {
    if (folder.problem !== null) throw new SluiceError('load-failed', folder.problem);
    const present = folder.versions.map(({ version }) => version);
    return this.#wanted(folder.name, policyOf(folder), present);
  }

  /**
   * Versions wanted of those present, by ascending number.
   * @param beside prints of the files beside the versions: others mean that the policy is read again
   * @throws Error where the files can't be used
   */
  async of(name: string, beside: string, present: readonly string[]): Promise<readonly string[]> {
    let policy = this.#policies.get(name);
    if (policy?.beside !== beside) {
      policy = { beside, ...policyOf(await this.#readFolder(name)) };
      this.#policies.set(name, policy);
    }
    return this.#wanted(name, policy, present);
  }

  #wanted(name: string, { policy, named }: Policy, present: readonly string[]): readonly string[] {
    const problem = policyProblem(policy, present);
    if (problem !== null) throw new Error(problem);
    const listed = this.#models.status().filter((model) => model.name === name);
    const inUse = listed.filter((model) => model.isDefault && model.ready).map(({ version }) => version);
    if (named !== null) inUse.push(named);
    const failed = new Set(listed.filter(staysOut).map(({ version }) => version));
    return wantedVersions(policy, { present, failed, inUse });
  }
}

/** @throws Error of config.yaml or config.pbtxt */
function policyOf(folder: ModelFolder): Policy {
  const { versionPolicy, defaultVersion } = servedConfig(folder);
  return { policy: versionPolicy, named: defaultVersion === undefined ? null : String(defaultVersion) };
}
