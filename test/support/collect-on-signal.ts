/**
 * Preloaded into each process of a system: SIGUSR2 makes it collect all garbage and write what memory is left to
 * `$MEMORY_FOLDER/<pid>.json`, for tests of what stays.
 */
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { garbageCollector } from './old-generation.ts';

const folder = process.env['MEMORY_FOLDER'];
if (isMainThread && folder !== undefined) {
  const collect = garbageCollector();
  process.on('SIGUSR2', () => {
    // Buffers are freed on another thread, some time after the collection.
    for (let round = 0; round < 3; round += 1) setTimeout(collect, 100 * round);
    setTimeout(() => {
      const file = path.join(folder, `${process.pid}.json`);
      writeFileSync(`${file}.part`, JSON.stringify(process.memoryUsage()));
      renameSync(`${file}.part`, file);
    }, 400);
  });
}
