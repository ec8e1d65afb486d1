/** `npm run monitoring [-- --runbooks https://…/]`: writes dashboards and rules anew. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { defaultRunbooks, monitoringFiles } from './files.ts';

const { values } = parseArgs({ options: { runbooks: { type: 'string', default: defaultRunbooks } } });
const folder = fileURLToPath(new URL('../components/monitoring/', import.meta.url));
mkdirSync(path.join(folder, 'dashboards'), { recursive: true });
const runbooks = values.runbooks.replace(/\/?$/, '/');
for (const [file, text] of monitoringFiles(runbooks)) writeFileSync(path.join(folder, file), text);
