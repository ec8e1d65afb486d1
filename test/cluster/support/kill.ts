/** `kill -9` of a sluice process, from within its pod: the pod must share its processes, or it would be process 1. */
import type { Namespace } from './kubectl.ts';

const script = (command: string) => `
  const { readFileSync, readdirSync } = require('node:fs');
  for (const pid of readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const args = readFileSync('/proc/' + pid + '/cmdline', 'utf8').split('\\0');
      const sluice = args.findIndex((arg) => arg.endsWith('/cli/sluice.js'));
      if (sluice === -1 || args[sluice + 1] !== '${command}') continue;
      process.kill(Number(pid), 'SIGKILL');
      console.log('killed ' + Date.now());
    } catch {}
  }`;

/** @returns when, in milliseconds since 1970. @throws Error if there was no such process */
export async function killProcess(
  namespace: Namespace,
  pod: string,
  container: string,
  command: string,
): Promise<number> {
  const said = await namespace.kubectl([
    'exec',
    pod,
    '--container',
    container,
    '--',
    'node',
    '--eval',
    script(command),
  ]);
  const atMs = /^killed (\d+)$/m.exec(said)?.[1];
  if (atMs === undefined) throw new Error(`no process "sluice ${command}" in ${pod}`);
  return Number(atMs);
}
