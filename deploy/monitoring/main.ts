/** `npm run monitoring` regenerates dashboards and rules. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { exitAfterUsage } from '../../runtime/process/usage.ts';
import { defaultRunbooks, monitoringFiles } from './files.ts';

const flags = new Command('npm run monitoring --')
  .description('Regenerates the dashboards and rules in deploy/components/monitoring/.')
  .option('--runbooks <url>', 'URL or path prefix of the runbook links in alerts', defaultRunbooks)
  .exitOverride(exitAfterUsage)
  .parse()
  .opts<{ readonly runbooks: string }>();
const folder = fileURLToPath(new URL('../components/monitoring/', import.meta.url));
mkdirSync(path.join(folder, 'dashboards'), { recursive: true });
const runbooks = flags.runbooks.replace(/\/?$/, '/');
for (const [file, text] of monitoringFiles(runbooks)) writeFileSync(path.join(folder, file), text);
