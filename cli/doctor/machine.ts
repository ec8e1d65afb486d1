/** Checks of the machine for `sluice doctor`: version of Node, cores, memory, limit on open files, locale, ports. */
import { createServer } from 'node:net';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { openFileLimit } from '../../runtime/http/descriptors.ts';
import type { Check } from './check.ts';

/** Connections of a gateway, its pods and files, with room to spare. */
const enoughFiles = 4_096;
const enoughMemoryMiB = 512;
const mebibyte = 1024 * 1024;

export interface MachineFacts {
  readonly nodeVersion: string;
  /** Range of `engines` in package.json, such as `>=22.19`. */
  readonly neededNode: string;
  readonly cores: number;
  readonly freeMiB: number;
  readonly totalMiB: number;
  readonly openFiles: number;
  /** Locale of the process, by its variables; undefined where none is set. */
  readonly locale: string | undefined;
  /** Ports of `sluice up` that are taken, by flag. */
  readonly takenPorts: readonly { readonly flag: string; readonly port: number }[];
}

export async function machineFacts(
  env: Readonly<Record<string, string | undefined>>,
  neededNode: string,
  ports: readonly { readonly flag: string; readonly port: number }[],
): Promise<MachineFacts> {
  const taken = await Promise.all(ports.map(async (each) => ((await isFree(each.port)) ? [] : [each])));
  return {
    nodeVersion: process.versions.node,
    neededNode,
    cores: availableParallelism(),
    // The limit of a container counts, where it has one.
    freeMiB: Math.floor(Math.min(freemem(), process.availableMemory()) / mebibyte),
    totalMiB: Math.floor(Math.min(totalmem(), process.constrainedMemory() || Infinity) / mebibyte),
    openFiles: openFileLimit(),
    locale: env['LC_ALL'] ?? env['LC_CTYPE'] ?? env['LANG'],
    takenPorts: taken.flat(),
  };
}

export function judgeMachine(facts: MachineFacts): Check[] {
  const { nodeVersion, neededNode, cores, freeMiB, totalMiB, openFiles, locale, takenPorts } = facts;
  const check = (name: string, level: Check['level'], text: string): Check => ({ area: 'machine', name, level, text });
  return [
    isAtLeast(nodeVersion, neededNode)
      ? check('node', 'ok', nodeVersion)
      : check('node', 'bad', `${nodeVersion}, needed is ${neededNode}: install a newer one from https://nodejs.org`),
    cores > 1
      ? check('cores', 'ok', `${cores}; a pod keeps one busy`)
      : check('cores', 'warn', '1: gateway and pod share it, so more pods are of no use here'),
    freeMiB >= enoughMemoryMiB
      ? check('memory', 'ok', `${freeMiB} MiB free of ${totalMiB}`)
      : check(
          'memory',
          'warn',
          `${freeMiB} MiB free of ${totalMiB}; gateway, scaler and a pod take ${enoughMemoryMiB}`,
        ),
    openFiles >= enoughFiles
      ? check('open files', 'ok', openFiles === Infinity ? 'no limit is known' : `${openFiles} allowed`)
      : check('open files', 'warn', `${openFiles} allowed; for more connections: ulimit -n ${enoughFiles}`),
    locale !== undefined && /utf-?8/i.test(locale)
      ? check('locale', 'ok', locale)
      : check(
          'locale',
          'warn',
          `${locale ?? 'none is set'}; models that split text need one of UTF-8, such as LANG=en_US.UTF-8, installed on the machine`,
        ),
    ...(takenPorts.length === 0
      ? [check('ports', 'ok', 'those of sluice up are free')]
      : takenPorts.map(({ flag, port }) =>
          check(
            'ports',
            'warn',
            `${port} is taken: give sluice up another ${flag}, or 0 for any (it may be a Sluice that runs)`,
          ),
        )),
  ];
}

/** @param range `>=22.19` */
function isAtLeast(version: string, range: string): boolean {
  const numbers = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number);
  const [needed, given] = [numbers(range), numbers(version)];
  for (const [index, number] of needed.entries()) {
    const other = given[index] ?? 0;
    if (other !== number) return other > number;
  }
  return true;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
