/** Where the version of a release stands in the files of the checkout, and its place in the changelog. Pure. */

/** Forms in which manifests and pages name the version, with OLD for it. Anything else that looks like it is left alone. */
const forms = ['sluice:OLD', 'newTag: OLD', 'ARG VERSION=OLD', 'sluice-OLD.tgz', 'sluice-chart-OLD.tgz'];

export const versionPattern = /^\d+\.\d+\.\d+(-[0-9a-z.-]+)?$/;

/** The text with another version wherever one of the forms has the old one. */
export function withVersion(text: string, old: string, version: string): string {
  return forms.reduce((changed, form) => {
    const named = form.replace('OLD', old).replaceAll('.', '\\.');
    // Longer versions that begin alike are others; a full stop may end a sentence.
    return changed.replaceAll(new RegExp(`(?<![\\w-])${named}(?![\\w-]|\\.\\w)`, 'g'), form.replace('OLD', version));
  }, text);
}

/** The changelog with what was unreleased under the version. @throws Error where there is nothing to release */
export function releasedChangelog(text: string, version: string, date: string): string {
  const [, notes] = /^## Unreleased\n(.*?)(?=^## )/ms.exec(text) ?? [];
  if (notes === undefined || notes.trim() === '') throw new Error('CHANGELOG.md: there is nothing under Unreleased');
  if (text.includes(`\n## ${version} `)) throw new Error(`CHANGELOG.md: ${version} is there already`);
  return text.replace('## Unreleased\n', () => `## Unreleased\n\n## ${version} (${date})\n`);
}

/** Reasons why this commit is no release. */
export function hindrances(state: {
  readonly changelog: string;
  readonly version: string;
  readonly isClean: boolean;
}): string[] {
  const found: string[] = [];
  if (!state.isClean) found.push('the working tree has changes that no commit has');
  const unreleased = /^## Unreleased\n(.*?)(?=^## )/ms.exec(state.changelog)?.[1]?.trim() ?? '';
  if (unreleased !== '')
    found.push('CHANGELOG.md has lines under Unreleased: npm run release -- prepare VERSION moves them');
  if (!state.changelog.includes(`\n## ${state.version} (`))
    found.push(`CHANGELOG.md has no section for ${state.version}`);
  return found;
}
