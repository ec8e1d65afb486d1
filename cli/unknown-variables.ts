/** Environment variables that are misspelt names of settings: they would have no effect, and nobody would be told. Pure. */
import { nearestName } from '../contract/nearest-name.ts';

const prefix = 'SLUICE_';

/** One line for each `SLUICE_…` variable that no process knows and that resembles one that it does. */
export function misspeltVariables(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
): string[] {
  const names = known.map((name) => name.slice(prefix.length));
  return Object.entries(env).flatMap(([name, value]) => {
    if (!name.startsWith(prefix) || known.includes(name)) return [];
    // Kubernetes gives each container variables of all Services, such as SLUICE_PORT=tcp://10.0.0.1:8080.
    if (value === undefined || value.startsWith('tcp://')) return [];
    const meant = nearestName(name.slice(prefix.length), names);
    return meant === null ? [] : [`${name}: is not a setting and has no effect; did you mean ${prefix}${meant}?`];
  });
}
