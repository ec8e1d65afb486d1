/** `npm run monitoring`: writes dashboards and rules anew. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { exitAfterUsage } from '../../runtime/process/usage.ts';
import { defaultRunbooks, monitoringFiles } from './files.ts';

const flags = new Command('npm run monitoring --')
  .description('Writes the dashboards and rules of deploy/components/monitoring/ anew.')
  .option('--runbooks <place>', 'address or path that the links of alerts begin with', defaultRunbooks)
  .exitOverride(exitAfterUsage)
  .parse()
  .opts<{ readonly runbooks: string }>();
const folder = fileURLToPath(new URL('../components/monitoring/', import.meta.url));
mkdirSync(path.join(folder, 'dashboards'), { recursive: true });
const runbooks = flags.runbooks.replace(/\/?$/, '/');
for (const [file, text] of monitoringFiles(runbooks)) writeFileSync(path.join(folder, file), text);
