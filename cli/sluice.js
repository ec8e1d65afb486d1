#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read, so that they can say what is missing.
import { existsSync } from 'node:fs';
import module from 'node:module';
import process from 'node:process';
import { URL } from 'node:url';

// undici's oldest; Node 22.18 is the first that strips types unasked, which a checkout needs.
const needed = [22, 19];
const [major, minor] = process.versions.node.split('.').map(Number);
// A checkout runs its TypeScript as it stands, the published package what was compiled from it.
const isCheckout = existsSync(new URL('main.ts', import.meta.url));
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  process.stderr.write(
    `sluice needs Node ${needed.join('.')} or newer, this is ${process.versions.node} (${process.execPath}): ` +
      (isCheckout
        ? 'on Linux `npm start` and `npm run sluice -- <command>` use the Node of the lockfile; elsewhere see https://nodejs.org\n'
        : 'see https://nodejs.org\n'),
  );
  process.exit(1);
}
// Compiled code is kept in the temporary folder, and types stripped once: the next start takes a quarter less CPU time, and a
// process has no type stripper in its memory. Where nothing can be written nothing is kept.
module.enableCompileCache();
await import(isCheckout ? './main.ts' : './main.js');
