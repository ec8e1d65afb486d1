/** Reads the files of the live page, once at the start. They lie beside this file, in a build too, and are served unchanged. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Buffer;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** @returns the assets by file name */
export function readAssets(): ReadonlyMap<string, Asset> {
  const folder = new URL('./assets/', import.meta.url);
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(folder)) {
    const type = types[path.extname(name)];
    if (type === undefined) continue;
    const bytes = readFileSync(new URL(name, folder));
    assets.set(name, { type, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`, bytes });
  }
  return assets;
}
