/** Whether this installation holds the load generator of `sluice bench` and `sluice tune`: images and installations without optional packages do not. */
import { existsSync } from 'node:fs';
import { SettingsError } from '../../contract/settings.ts';

/** @throws SettingsError that says what is missing, and where the command runs */
export function requireLoadGenerator(command: 'bench' | 'tune' = 'bench'): void {
  const missing = whatIsMissing();
  if (missing === null) return;
  throw new SettingsError([
    `${command}: this installation has no load generator (${missing}): images of Sluice hold none. ` +
      `Run it from a checkout, beside the cluster or in a container of its own: npm run sluice -- ${command}`,
  ]);
}

function whatIsMissing(): string | null {
  if (!existsSync(new URL('../../bench/load-test', import.meta.url))) return 'bench/load-test is not part of it';
  try {
    import.meta.resolve('autocannon');
    import.meta.resolve('hdr-histogram-js');
    return null;
  } catch (error) {
    return `the package ${/'([\w-]+)'/.exec((error as Error).message)?.[1] ?? 'autocannon'} is not installed`;
  }
}
