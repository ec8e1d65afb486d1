/** `kill -9` of a sluice process, from within its pod: the pod must share its processes, or it would be process 1. */
import { KubectlError, type Namespace } from './kubectl.ts';

const script = (command: string) => `
  const { readFileSync, readdirSync, writeSync } = require('node:fs');
  for (const pid of readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const args = readFileSync('/proc/' + pid + '/cmdline', 'utf8').split('\\0');
      const sluice = args.findIndex((arg) => arg.endsWith('/cli/sluice.js'));
      if (sluice === -1 || args[sluice + 1] !== '${command}') continue;
      writeSync(1, 'killed ' + Date.now() + '\\n');
      process.kill(Number(pid), 'SIGKILL');
    } catch {}
  }`;

/** @returns when, in milliseconds since 1970. @throws Error if there was no such process */
export async function killProcess(
  namespace: Namespace,
  pod: string,
  container: string,
  command: string,
): Promise<number> {
  const args = ['exec', pod, '--container', container, '--', 'node', '--eval', script(command)];
  const said = await namespace.kubectl(args).catch((error: unknown) => {
    // The container ends with the process that it was started for, and may take this one with it.
    if (error instanceof KubectlError && error.message.endsWith('exit code 137')) return error.stdout;
    throw error;
  });
  const atMs = /^killed (\d+)$/m.exec(said)?.[1];
  if (atMs === undefined) throw new Error(`no process "sluice ${command}" in ${pod}`);
  return Number(atMs);
}
