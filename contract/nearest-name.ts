/** The known name that somebody may have meant by an unknown one. Pure. */

/** The candidate that differs least from `name`, ignoring case, `-` and `_`; null where none is near. */
export function nearestName(name: string, candidates: readonly string[]): string | null {
  const wanted = plain(name);
  // A third of a name may be wrong: one letter of a short name, and never more than three.
  const limit = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)));
  let nearest: string | null = null;
  let least = limit + 1;
  for (const candidate of candidates) {
    const known = plain(candidate);
    if (Math.abs(known.length - wanted.length) > limit) continue;
    const edits = editsBetween(wanted, known);
    if (edits >= least) continue;
    nearest = candidate;
    least = edits;
  }
  if (nearest !== null || wanted.length < 3) return nearest;
  // A name without its unit: `latency` for `latencyMs`.
  const longer = candidates.filter((candidate) => plain(candidate).startsWith(wanted));
  return longer.length === 1 ? longer[0]! : null;
}

/** `; did you mean x?`, or nothing where no candidate is near. */
export function suggestion(name: string, candidates: readonly string[]): string {
  const nearest = nearestName(name, candidates);
  return nearest === null || nearest === name ? '' : `; did you mean ${nearest}?`;
}

function plain(name: string): string {
  // Names of any length may be compared, and the time grows with the square of it.
  return name.slice(0, 100).toLowerCase().replaceAll(/[-_]/g, '');
}

/** Letters inserted, deleted, replaced, or swapped with their neighbour (optimal string alignment). */
function editsBetween(a: string, b: string): number {
  let twoBack: number[] = [];
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = before[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      let edits = Math.min(before[column]! + 1, current[column - 1]! + 1, replaced);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        edits = Math.min(edits, twoBack[column - 2]! + 1);
      }
      current.push(edits);
    }
    twoBack = before;
    before = current;
  }
  return before[b.length]!;
}
