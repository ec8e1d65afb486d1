/**
 * Takes up a changed file of pools while `sluice up` runs: a valid one is applied, and an invalid one is reported with all its mistakes,
 * while the pools stay as they are. Owns no pool: the local cluster does.
 */
import { watchText } from '../cluster/file-watch.ts';
import type { LocalCluster } from '../cluster/local/local-cluster.ts';
import type { LogLevel } from '../cluster/local/log-lines.ts';
import type { LocalScaling } from '../cluster/local/scaling.ts';
import { describeChanges } from '../cluster/pool-changes.ts';
import { SettingsError } from '../contract/settings.ts';
import { planPoolsFile } from './local-plan.ts';
import type { LocalSettings } from './local-settings.ts';

export interface PoolsReload {
  /** Text by which the system was started. */
  readonly text: string;
  readonly settings: LocalSettings;
  readonly cluster: LocalCluster;
  readonly scaling: LocalScaling;
  readonly say: (message: string, level?: LogLevel) => void;
}

/** @returns a function that stops it */
export function reloadPools({ text, settings, cluster, scaling, say }: PoolsReload): () => void {
  const file = settings.pools ?? '';
  return watchText({
    path: file,
    text,
    onUnreadable: (why) => say(`${file} can't be read, the pools stay as they are: ${why}`, 'warn'),
    onChange: async (changed) => {
      try {
        const { pools, replicas } = await planPoolsFile(changed, settings);
        const changes = describeChanges(cluster.view.pools, pools);
        if (changes.length === 0) return say(`${file} is the same in its effect`);
        for (const change of changes) say(`${file} has changed: ${change}`);
        scaling.setPools(pools, replicas);
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        for (const mistake of error.errors) say(mistake, 'error');
        say(`${file} is refused, the pools stay as they are`, 'error');
      }
    },
  });
}
