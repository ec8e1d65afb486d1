/**
 * Prints of the files that each version was read from last, whether it serves or failed: what tells a look at the repository that
 * something is new. Reads no file itself.
 */
import { versionKey } from '../../contract/model-versions.ts';
import type { Look } from './look.ts';
import { printsOf, type SettledVersion } from './settling.ts';

type Id = Pick<SettledVersion, 'name' | 'version'>;

export class KnownFiles {
  readonly #versions = new Map<string, SettledVersion>();

  get all(): readonly SettledVersion[] {
    return [...this.#versions.values()];
  }

  of(id: Id): SettledVersion | undefined {
    return this.#versions.get(versionKey(id));
  }

  set(found: SettledVersion): void {
    this.#versions.set(versionKey(found), found);
  }

  /** Takes the prints that a version has in a look; without prints, the next look that finds it counts as a change. */
  remember({ name, version }: Id, look: Look): void {
    this.set({ name, version, own: '', beside: '', ...printsOf(look.get(name), version) });
  }

  forget(id: Id): void {
    this.#versions.delete(versionKey(id));
  }

  /** Whether the files differ from those that were read last. */
  differs(found: SettledVersion): boolean {
    const known = this.of(found);
    return known?.own !== found.own || known.beside !== found.beside;
  }

  /** Whether nothing but the content of the model's transform has changed since its files were read. */
  hasOtherTransformOnly(found: SettledVersion): boolean {
    const known = this.of(found);
    if (known === undefined) return false;
    const withoutContent = (beside: string): string => beside.replaceAll(/^(transform\.[jt]s) .*$/gm, '$1');
    return known.own === found.own && withoutContent(known.beside) === withoutContent(found.beside);
  }
}
