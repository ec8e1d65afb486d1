/** `npm run chart`: writes the Helm chart to dist/chart/sluice, or to the folder that is named. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };
import { readSources } from './sources.ts';
import { chartFiles } from './templates.ts';

const folder = path.resolve(process.argv[2] ?? fileURLToPath(new URL('../../dist/chart/sluice', import.meta.url)));
rmSync(folder, { recursive: true, force: true });
for (const [file, text] of Object.entries(chartFiles(readSources(), packageJson))) {
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
  writeFileSync(path.join(folder, file), text);
}
