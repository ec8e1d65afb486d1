/**
 * Judges looks at a repository: which versions have settled, so that their files may be read, and which are gone for good. A file that
 * is still being copied has another size or time at the next look; a folder that is swapped or mounted anew is away for a moment. No
 * I/O; the clock is an argument.
 */
import { versionKey } from '../../contract/model-versions.ts';
import type { Look, ModelLook } from './look.ts';

/** Time between two looks that must find the same. */
export const settleMs = 1_000;
/** Time and looks for which a version must be missing. */
const goneAfterMs = 10_000;
const goneAfterLooks = 3;
/** Looks for which a version must be missing until others are preferred to it. */
const missingAfterLooks = 2;

export interface SettledVersion {
  readonly name: string;
  readonly version: string;
  /** Prints of the version's own files, and of those beside all versions. */
  readonly own: string;
  readonly beside: string;
}

export interface Settled {
  /** Versions whose files two looks have found alike. */
  readonly versions: readonly SettledVersion[];
  /** All versions that are there, by the name of their model. */
  readonly present: ReadonlyMap<string, readonly string[]>;
  /** Whether something has changed since the look before, so that the next one should come soon. */
  readonly isChanging: boolean;
  /** Versions that two looks have missed, so that requests should go over to others before they are gone. */
  readonly missing: readonly Pick<SettledVersion, 'name' | 'version'>[];
  /** Versions that are gone. */
  readonly gone: readonly Pick<SettledVersion, 'name' | 'version'>[];
}

interface Seen {
  readonly print: string;
  readonly sinceMs: number;
}

interface Missing {
  readonly sinceMs: number;
  looks: number;
}

export class Settling {
  readonly #seen = new Map<string, Seen>();
  readonly #missing = new Map<string, Missing>();

  /** Takes a look. @param known versions that are loaded or listed */
  see(look: Look, known: readonly Pick<SettledVersion, 'name' | 'version'>[], nowMs: number): Settled {
    const versions: SettledVersion[] = [];
    let isChanging = false;
    const present = new Set<string>();
    for (const { name, version, own, beside } of all(look)) {
      const key = versionKey({ name, version });
      present.add(key);
      const print = `${beside}\n${own}`;
      const before = this.#seen.get(key);
      if (before?.print !== print) this.#seen.set(key, { print, sinceMs: nowMs });
      if (before?.print === print && nowMs - before.sinceMs >= settleMs) versions.push({ name, version, own, beside });
      else isChanging = true;
    }
    for (const key of this.#seen.keys()) if (!present.has(key)) this.#seen.delete(key);
    const byModel = new Map([...look].map(([name, model]) => [name, [...model.versions.keys()]]));
    // Without any version the repository itself is away.
    const absent = present.size === 0 ? [] : this.#absentOf(known, present, nowMs);
    const missing = absent.filter((one) => one.missing.looks >= missingAfterLooks);
    const gone = missing.filter((one) => {
      return one.missing.looks >= goneAfterLooks && nowMs - one.missing.sinceMs >= goneAfterMs;
    });
    // The next look tells whether they come back.
    if (missing.length < absent.length) isChanging = true;
    return { versions, present: byModel, isChanging, missing, gone };
  }

  #absentOf(known: readonly Pick<SettledVersion, 'name' | 'version'>[], present: ReadonlySet<string>, nowMs: number) {
    return known.flatMap(({ name, version }) => {
      const key = versionKey({ name, version });
      if (present.has(key)) {
        this.#missing.delete(key);
        return [];
      }
      const missing = this.#missing.get(key) ?? { sinceMs: nowMs, looks: 0 };
      missing.looks += 1;
      this.#missing.set(key, missing);
      return [{ name, version, missing }];
    });
  }
}

function* all(look: Look): Generator<SettledVersion> {
  for (const [name, { beside, versions }] of look) {
    for (const [version, own] of versions) yield { name, version, own, beside };
  }
}

/** Prints of one version of a look; null if it is not there. */
export function printsOf(model: ModelLook | undefined, version: string): Pick<SettledVersion, 'own' | 'beside'> | null {
  const own = model?.versions.get(version);
  return model === undefined || own === undefined ? null : { own, beside: model.beside };
}
