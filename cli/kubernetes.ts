/** Logger and credential errors of the commands that talk to Kubernetes. */
import { pino, type Logger } from 'pino';
import { SettingsError } from '../contract/settings.ts';
import { processLog } from '../runtime/process/log-destination.ts';

export function clusterLog(component: 'gateway' | 'scaler', level: string, cluster = 'kubernetes'): Logger {
  return pino({ level, base: { component, cluster } }, processLog);
}

/** @throws SettingsError for unusable credentials, such as a missing file or a context without a cluster */
export function withCredentials<Connected>(connect: () => Connected): Connected {
  try {
    return connect();
  } catch (error) {
    throw new SettingsError([`--cluster kubernetes: ${error instanceof Error ? error.message : String(error)}`]);
  }
}
