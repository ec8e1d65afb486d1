/**
 * Preloaded into each process of a system: SIGUSR2 makes it collect all garbage and write what memory is left to
 * `$MEMORY_FOLDER/<pid>.json`, for tests of what stays.
 */
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const folder = process.env['MEMORY_FOLDER'];
if (isMainThread && folder !== undefined) {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: object) => void;
  // The last resort gives pages back to the system, which an ordinary collection keeps for later.
  const collect = (): void => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  process.on('SIGUSR2', () => {
    // Buffers are freed on another thread, some time after the collection.
    for (let round = 0; round < 3; round += 1) setTimeout(collect, 300 * round);
    setTimeout(() => {
      const file = path.join(folder, `${process.pid}.json`);
      writeFileSync(`${file}.part`, JSON.stringify(process.memoryUsage()));
      renameSync(`${file}.part`, file);
    }, 1_000);
  });
}
