#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read, so that they can say what is missing.
import { existsSync } from 'node:fs';
import module from 'node:module';
import process from 'node:process';
import { URL } from 'node:url';

const neededMajor = 24;
if (Number(process.versions.node.split('.')[0]) < neededMajor) {
  process.stderr.write(
    `sluice needs Node ${neededMajor} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'In a checkout on Linux, `npm start` and `npm run sluice -- <command>` use the Node of the lockfile;\n' +
      'elsewhere install Node 24 (https://nodejs.org).\n',
  );
  process.exit(1);
}
// Compiled code is kept in the temporary folder, and types stripped once: the next start takes a quarter less CPU time, and a
// process has no type stripper in its memory. Where nothing can be written nothing is kept.
module.enableCompileCache();
// A checkout runs its TypeScript as it stands, the published package what was compiled from it.
await import(existsSync(new URL('main.ts', import.meta.url)) ? './main.ts' : './main.js');
