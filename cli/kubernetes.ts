/** Logger and credential errors of the commands that talk to Kubernetes. */
import { destination, pino, type Logger } from 'pino';
import { SettingsError } from '../contract/settings.ts';

export function clusterLog(component: 'gateway' | 'scaler', level: string): Logger {
  return pino({ level, base: { component, cluster: 'kubernetes' } }, destination({ dest: 1, sync: true }));
}

/** @throws SettingsError for unusable credentials, such as a missing file or a context without a cluster */
export function withCredentials<Connected>(connect: () => Connected): Connected {
  try {
    return connect();
  } catch (error) {
    throw new SettingsError([`--cluster kubernetes: ${error instanceof Error ? error.message : String(error)}`]);
  }
}
